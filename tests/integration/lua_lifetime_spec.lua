-- How handles, connections and programs end in Lua, and what they leave behind: nothing.
-- Touches hubs in the test's run directory, and Lua programs that it starts.
-- Locks nothing.

local ipc = require "libipc"
local spec = require "spec"

local PATIENCE, fresh, fails = spec.PATIENCE, spec.fresh, spec.fails

local hub_name = fresh "hub"
local conn

setup(function() conn = assert(ipc.connect(hub_name)) end)
teardown(function() conn:close() end)

-- Try until it says something, for as long as anybody may take.
local function eventually(condition)
  local pause = assert(conn:Queue())
  for _ = 1, PATIENCE / 0.01 do
    local result = condition()
    if result then
      return result
    end
    pause:get(0.01)
  end
  error("it did not come about", 2)
end

local function handles_of(name)
  for _, object in ipairs(assert(conn:list())) do
    if object.name == name then
      return object.handles
    end
  end
end

-- Run a Lua program to its end: what it printed, and how it ended.
local function run(program, ...)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(program)
  file:close()
  local pipe = assert(io.popen(("lua5.4 %s %s 2>&1"):format(path, table.concat({...}, " "))))
  local output = pipe:read("a")
  local _, how, code = pipe:close()
  os.remove(path)
  return output, how, code
end

local function resident_kib()
  return 4 * tonumber(io.open("/proc/self/statm"):read("a"):match("^%d+ (%d+)"))
end

describe("a handle", function()
  it("is closed, and stays so", function()
    local q = assert(conn:Queue())
    q:close()
    q:close()
    fails("closed", q:put(1))
    fails("closed", q:get(0))
    assert.equal("string", type(tostring(q)))
  end)

  it("closes with its scope, on errors too", function()
    local name, kept = fresh "scope", nil
    pcall(function()
      local q <close> = assert(conn:Queue(name))
      kept = q
      error("out")
    end)
    fails("closed", kept:get(0))
    eventually(function() return handles_of(name) == 0 end)
  end)

  it("is given up when it is collected", function()
    local name = fresh "collected"
    assert(conn:Queue(name)):put("kept")
    collectgarbage()
    collectgarbage()
    eventually(function() return handles_of(name) == 0 end)
    assert.equal("kept", assert(conn:Queue(name)):get(PATIENCE))
  end)

  it("keeps its connection", function()
    local known = setmetatable({}, {__mode = "k"})
    local function connect()
      local mine = assert(ipc.connect(hub_name))
      known[mine] = true
      return mine
    end
    local function open()
      local a, b = connect():Pipe()
      return connect():Queue(), a, b
    end
    local q, a, b = open()
    for _ = 1, 3 do
      collectgarbage()
    end
    assert.is_true(q:put(1))
    assert.equal(1, q:get(PATIENCE))
    a:send(2)
    assert.equal(2, b:recv(PATIENCE))
    q, a, b = nil, nil, nil -- luacheck: ignore
    for _ = 1, 3 do
      collectgarbage()
    end
    assert.is_nil(next(known), "a connection is kept though no handle is")
  end)

  it("is of no use after its connection is closed", function()
    local mine = assert(ipc.connect(hub_name))
    local q = assert(mine:Queue())
    mine:close()
    mine:close()
    fails("closed", q:put(1))
    fails("closed", mine:Queue())
    fails("closed", mine:list())
  end)
end)

describe("an item", function()
  it("outlives its queue's handle, which can no longer finish it", function()
    local name = fresh "jobs"
    local jobs = assert(conn:JoinableQueue(name))
    jobs:put("x")
    local item = assert(jobs:take(PATIENCE))
    jobs:close()
    assert.equal("x", item.value)
    fails("closed", item:done())
  end)
end)

describe("a connection", function()
  it("has an address under which others come", function()
    local other <close> = assert(ipc.connect(conn:address()))
    local name = fresh "met"
    local here, there = assert(conn:Queue(name)), assert(other:Queue(name))
    here:put("hello")
    assert.is_true(conn:flush(PATIENCE))
    assert.equal("hello", there:get(0))
    assert.equal("ipc.Conn: " .. conn:address(), tostring(conn))
  end)

  it("is refused for what is no address, or where nothing is", function()
    fails("address", ipc.connect("no/address"))
    fails("nohub", ipc.connect("ipc:///nonexistent/hub", {timeout = 0.05}))
    assert.has_error(function() ipc.connect(7) end)
    assert.has_error(function() ipc.connect("x", {timeout = -1}) end)
    assert.has_error(function() ipc.connect("x", {patience = 1}) end)
  end)

  it("leaves no file descriptor", function()
    local function descriptors()
      local list = io.popen("ls /proc/$PPID/fd | wc -l")
      local number = list:read("n")
      list:close()
      return number
    end
    local function come_and_go(times)
      for _ = 1, times do
        local mine <close> = assert(ipc.connect(hub_name))
        local q <close> = assert(mine:Queue())
        q:put(1)
        assert.equal(1, q:get(PATIENCE))
      end
      collectgarbage()
    end
    come_and_go(2)
    local before = descriptors()
    come_and_go(10)
    eventually(function() return descriptors() <= before end) -- ZeroMQ closes its own behind our backs
  end)
end)

describe("a hub on a thread", function()
  it("serves until it is stopped, and then every call says so", function()
    local hub <close> = assert(ipc.hub("inproc://" .. fresh "thread"))
    local mine = assert(ipc.connect(hub:address()))
    local q = assert(mine:Queue("q"))
    q:put(1)
    assert.equal(1, q:get(PATIENCE))
    assert.equal("ipc.Hub: " .. hub:address(), tostring(hub))
    hub:stop()
    local value, code = q:get(PATIENCE)
    assert.is_nil(value)
    assert.equal("lost", code)
  end)

  it("ends a loop with an error when it is lost", function()
    local hub = assert(ipc.hub("inproc://" .. fresh "thread"))
    local mine = assert(ipc.connect(hub:address()))
    local q = assert(mine:Queue("q"))
    q:put(1)
    assert.has_error(function()
      for _ in q:items() do
        hub:stop()
      end
    end)
  end)
end)

describe("a program", function()
  for how, ending in pairs {
    ["at its last line"] = "",
    ["by an error"] = 'error("on purpose")',
    ["by os.exit"] = "os.exit(0)",
    ["by os.exit that closes the state"] = "os.exit(0, true)",
  } do
    it("that ends " .. how .. " loses nothing that it put", function()
      local name = fresh "end"
      local q = assert(conn:Queue(name))
      run('local q = require "libipc".connect(arg[1]):Queue(arg[2]) for i = 1, 1000 do q:put(i) end ' .. ending,
        hub_name, name)
      for i = 1, 1000 do
        assert.equal(i, q:get(PATIENCE))
      end
    end)
  end

  it("may use handles in finalizers when its state is closed", function()
    local name = fresh "finalizer"
    local q = assert(conn:Queue(name))
    local output, how, code = run([[
      local early = setmetatable({}, {__gc = function(self) self.q:put({"early", "\u{e9}"}) end})
      local ipc = require "libipc"
      early.q = ipc.connect(arg[1]):Queue(arg[2])
      late = setmetatable({q = early.q}, {__gc = function(self) pcall(self.q.put, self.q, {"late", print}) end})
      early.q:put("first")
    ]], hub_name, name)
    assert.same({"", "exit", 0}, {output, how, code})
    assert.equal("first", q:get(PATIENCE))
  end)

  it("does not grow", function()
    local q, jobs = assert(conn:Queue()), assert(conn:JoinableQueue())
    local a, b = assert(conn:Pipe())
    local small, large = {id = 7, path = "a.png"}, {("x"):rep(4000)}
    local function work(times)
      for _ = 1, times do
        q:put(small)
        q:put(large)
        q:get(PATIENCE)
        q:get(PATIENCE)
        q:get(0)
        assert(jobs:put(large))
        local item <close> = assert(jobs:take(PATIENCE))
        assert(item.value)
        pcall(q.put, q, {large, print})
        pcall(q.put_many, q, {large, print})
        q:put_many {large, small}
        for _ = 1, 2 - #q:get_many(2, PATIENCE) do
          q:get(PATIENCE)
        end
        assert(jobs:put(large, nil, true))
        jobs:take_many(5, PATIENCE)[1]:done()
        a:send_bytes(large[1], 1, 3000)
        assert(not b:recv_bytes(10) and b:recv_bytes())
      end
      collectgarbage()
      return collectgarbage("count"), resident_kib()
    end
    work(2000)
    local lua_before, before = work(2000)
    local lua_after, after = work(6000)
    assert.is_true(lua_after - lua_before < 100, "Lua's own memory grew")
    assert.is_true(after - before < 4096, "the process grew") -- 6000 leaks of 4 KiB would be 24 MiB
  end)
end)
