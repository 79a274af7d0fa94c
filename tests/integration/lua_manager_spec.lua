-- Managers in Lua: what multiprocessing.Manager() is in Python.
-- Touches hubs in the test's run directory.
-- Locks what it tests, and nothing else.

local core = require "libipc.core"
local ipc = require "libipc"
local spec = require "spec"

local PATIENCE, fresh, fails = spec.PATIENCE, spec.fresh, spec.fails

describe("a manager", function()
  it("makes what the connection makes, with the same arguments", function()
    local name = fresh "hub"
    local m <close> = assert(ipc.Manager {address = name})
    local conn <close> = assert(ipc.connect(name))
    local lock <close> = assert(m:Lock("guard"))
    local same <close> = assert(conn:Lock("guard", {mode = "attach"}))
    assert.equal("integer", math.type(lock:acquire(PATIENCE)))
    fails("timeout", same:acquire(0))
    assert.is_true(lock:release())
    local queue <close> = assert(m:Queue {name = "jobs", maxsize = 1})
    assert.is_true(queue:put("x"))
    fails("full", queue:put_nowait("y"))
    local tasks <close> = assert(m:JoinableQueue("tasks", {maxsize = 2}))
    assert.is_true(tasks:joinable())
    local permits <close> = assert(m:BoundedSemaphore {value = 3})
    assert.equal(3, permits:value())
    local start <close> = assert(m:Barrier("start", {parties = 1}))
    assert.equal(0, start:wait(PATIENCE))
    local a, b = assert(m:Pipe())
    assert.is_true(a:send("through"))
    assert.equal("through", b:recv(PATIENCE))
    fails("exist", m:Event("guard", {mode = "create"}))
    assert.error_matches(function() m:Queue {size = 1} end, "no option size", 1, true)
  end)

  it("has every constructor of a connection, and nothing else of it", function()
    local m = ipc.Manager(fresh "hub")
    local count = 0
    for class in pairs(core.classes.Conn.__index) do
      if class:find("^%u") then
        assert.equal("function", type(m[class]), class)
        assert.equal("function", type(ipc[class]), class)
        count = count + 1
      end
    end
    assert.is_true(count >= 10)
    assert.is_nil(m.unlink)
    m:shutdown()
  end)

  it("connects when it is started, or when something is made, and once", function()
    local name = fresh "hub"
    local m <close> = assert(ipc.Manager(name))
    local conn <close> = assert(ipc.connect(name))
    local function sessions()
      return assert(conn:stat()).sessions
    end
    assert.equal(1, sessions())
    assert.is_true(m:start())
    assert.is_true(m:connect())
    local event <close> = assert(m:Event())
    assert.is_false(event:is_set())
    assert.equal(2, sessions())
  end)

  it("has the hub's address, and tells it to print", function()
    local name = fresh "hub"
    local m <close> = assert(ipc.Manager {address = name, timeout = PATIENCE})
    assert.equal(name, m:address())
    assert.is_true(m:start())
    local conn <close> = assert(ipc.connect(name))
    assert.equal(conn:address(), m:address())
    assert.equal("ipc.Manager: " .. m:address(), tostring(m))
    assert.equal("ipc.Manager: (not started)", tostring(ipc.Manager()))
    assert.is_nil(ipc.Manager():address())
  end)

  it("needs no address: then it is at the default one", function()
    local m <close> = assert(ipc.Manager())
    local event <close> = assert(m:Event())
    assert.is_true(event:set())
    local same <close> = assert(ipc.attach(assert(event:share())))
    assert.is_true(same:is_set())
  end)

  it("closes what it made when it is shut down, or leaves its scope", function()
    local name = fresh "hub"
    local conn <close> = assert(ipc.connect(name))
    local kept
    do
      local m <close> = assert(ipc.Manager(name))
      kept = assert(m:Lock("guard"))
      assert(kept:acquire(0))
    end
    fails("closed", kept:acquire(0))
    local lock <close> = assert(conn:Lock("guard"))
    assert.is_true(select(2, lock:acquire(PATIENCE))) -- its owner is gone
    local m = ipc.Manager(name)
    local event = assert(m:Event())
    assert.is_true(m:shutdown())
    assert.is_true(m:shutdown())
    fails("closed", event:set())
    fails("closed", m:Event())
    assert.is_true(ipc.Manager(name):shutdown())
  end)

  it("has failed when an error leaves its scope", function()
    local name = fresh "hub"
    local conn <close> = assert(ipc.connect(name))
    local jobs <close> = assert(conn:JoinableQueue("jobs"))
    assert(jobs:put("work", nil, true))
    local function work()
      local m <close> = assert(ipc.Manager(name))
      assert(assert(m:JoinableQueue("jobs")):get(PATIENCE))
      error("on purpose", 0)
    end
    assert.same({false, "on purpose"}, {pcall(work)})
    local item = assert(jobs:take(PATIENCE))
    assert.equal(2, item.attempt)
    item:done()
  end)

  it("says so when it cannot connect", function()
    local m = ipc.Manager("ipc:///nowhere/at/all")
    fails("nohub", m:start())
    fails("nohub", m:Lock())
    assert.is_true(m:shutdown())
  end)

  it("is told from mistakes", function()
    local function mistake(words, ...)
      local _, message = pcall(function(...) ipc.Manager(...) end, ...)
      assert.matches("lua_manager_spec.lua:%d+: .*" .. words, message)
    end
    mistake("an address is a string", 7)
    mistake("an address is a string", {address = 7})
    mistake("no option adress", {adress = "typo"})
    mistake("the option lane is one of", "name", {lane = "any"})
    mistake("an address goes before the options", {address = "x"}, {})
  end)
end)
