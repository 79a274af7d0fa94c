-- Ctrl-C and debug hooks while a call of the binding waits.
-- Touches a hub in the test's run directory, and Lua programs that it starts and signals.
-- Locks nothing.

local ipc = require "libipc"
local spec = require "spec"

local PATIENCE, fresh = spec.PATIENCE, spec.fresh

local hub_name = fresh "hub"
local conn

setup(function() conn = assert(ipc.connect(hub_name)) end)
teardown(function() conn:close() end)

local function clock()
  local file <close> = assert(io.open("/proc/uptime"))
  return file:read("n")
end

-- A process's state: S asleep, Z ended.
local function state_of(pid)
  local file <close> = assert(io.open(("/proc/%d/stat"):format(pid)))
  return file:read("a"):match("^.*%) (%a)")
end

-- Start a program, wait until it sleeps in its last call, and press Ctrl-C: what it printed, its code, and the seconds.
local function interrupt(program)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write([[
    local ipc = require "libipc"
    local conn = assert(ipc.connect(arg[1]))
    local q = assert(conn:Queue(arg[2]))
    local function ready() q:put("ready"); q:flush() end
  ]] .. program)
  file:close()
  local name = fresh "interrupted"
  local q = assert(conn:Queue(name))
  local pipe = assert(io.popen(("echo $$; exec lua5.4 %s %s %s 2>&1"):format(path, hub_name, name)))
  local pid = pipe:read("n", "l")
  assert.equal("ready", q:get(PATIENCE))
  local in_a_row = 0
  for _ = 1, PATIENCE / 0.01 do
    in_a_row = state_of(pid) == "S" and in_a_row + 1 or 0
    if in_a_row == 5 then
      break
    end
    q:get(0.01)
  end
  local pressed = clock()
  os.execute(("kill -INT %d"):format(pid))
  while state_of(pid) ~= "Z" and clock() - pressed < PATIENCE do
    q:get(0.01)
  end
  local seconds = clock() - pressed
  os.execute(("kill -KILL %d"):format(pid)) -- only matters if Ctrl-C did not
  local output = pipe:read("a")
  local _, _, code = pipe:close()
  os.remove(path)
  return output, code, seconds
end

-- How a wait that never ends is written, in each of the blocking calls.
local WAITS = {
  ["a get"] = "ready() conn:Queue():get()",
  ["a get with a timeout"] = "ready() conn:Queue():get(60)",
  ["a put into a full queue"] = "local full = conn:Queue {maxsize = 1} full:put(1) ready() full:put(2)",
  ["a take"] = "ready() conn:JoinableQueue():take()",
  ["a join"] = "local jobs = conn:JoinableQueue() jobs:put(1) ready() jobs:join()",
  ["a recv"] = "local a, b = conn:Pipe() ready() a:recv()",
  ["a poll"] = "local a, b = conn:Pipe() ready() a:poll(60)",
  ["a loop"] = "local never = conn:Queue() ready() for _ in never:items() do end",
  ["a get of many"] = "ready() conn:Queue():get_many(10)",
  ["a take of many"] = "ready() conn:JoinableQueue():take_many(10)",
  ["a put of many"] = "local full = conn:Queue {maxsize = 2} ready() full:put_many {1, 2, 3}",
  ["a confirmed put"] = "local full = conn:Queue {maxsize = 1} full:put(1) ready() full:put(2, nil, true)",
  ["a receive of bytes"] = "local a, b = conn:Pipe() ready() a:recv_bytes()",
  ["an acquire"] = "local lock = conn:Lock() lock:acquire() ready() lock:acquire()",
  ["an acquire of a semaphore"] = "local none = conn:Semaphore {value = 0} ready() none:acquire(60)",
  ["a wait for an event"] = "ready() conn:Event():wait()",
  ["a wait for a notification"] = "local c = conn:Condition() c:acquire() ready() c:wait()",
  ["a wait for the other parties"] = "local two = conn:Barrier {parties = 2} ready() two:wait(60, print)",
  ["an acquire of an array's lock"] = [[
    local other = ipc.connect(arg[1])
    other:Array(arg[2] .. "-array", {typecode = "q", length = 1}):acquire()
    local mine = conn:Array(arg[2] .. "-array")
    ready()
    mine:acquire()]],
  ["a wait"] = "local a, b = conn:Pipe() ready() ipc.wait({a, conn:Queue()})",
  ["a get in a coroutine"] = "local c = coroutine.wrap(function() ready() conn:Queue():get() end) c()",
}

describe("Ctrl-C", function()
  for what, program in pairs(WAITS) do
    it("ends " .. what, function()
      local output, code, seconds = interrupt(program)
      assert.truthy(output:find("interrupted!", 1, true), output)
      assert.equal(1, code)
      assert.is_true(seconds < 1, ("it took %.2f s"):format(seconds))
    end)
  end

  -- The hub is asked to give the call up, and has two seconds for an answer.
  for what, program in pairs {
    ["an attribute"] = "local ns = silent:Namespace() silence() return ns.attribute",
    ["a handle on its way into a dict"] = [[
      local list = silent:List()
      local dict = conn:Dict()
      silence()
      dict:update {a = {list}, b = {list}}]],
  } do
    it("ends the wait of " .. what .. " for a hub that does not answer", function()
      local output, code, seconds = interrupt([[
        local silent = ipc.connect(arg[2] .. "-silent")
        local function silence()
          os.execute("kill -STOP " .. silent:stat().pid)
          ready()
        end
      ]] .. program)
      assert.truthy(output:find("interrupted!", 1, true), output)
      assert.equal(1, code)
      assert.is_true(seconds < PATIENCE / 2, ("it took %.2f s"):format(seconds))
    end)
  end

  it("can be caught, and the program goes on", function()
    local output, code = interrupt [[
      local never = conn:Queue()
      ready()
      local ok, message = pcall(never.get, never)
      never:put("more")
      print(ok, message, never:get(5))
    ]]
    assert.truthy(output:find("^false\t.*interrupted!\tmore\n$"), output)
    assert.equal(0, code)
  end)

  it("in a coroutine counts once", function()
    local output, code = interrupt [[
      local never = conn:Queue()
      local c = coroutine.create(function() ready() never:get() end)
      local ok, message = coroutine.resume(c)
      never:put("more")
      print(ok, message, never:get(5))
    ]]
    assert.truthy(output:find("^false\t.*interrupted!\tmore\n$"), output)
    assert.equal(0, code)
  end)
end)

describe("a debug hook", function()
  after_each(function() debug.sethook() end)

  it("runs while a call waits, and its error ends the call", function()
    local q = assert(conn:Queue())
    local calls = 0
    local ok, message = pcall(function()
      debug.sethook(function()
        calls = calls + 1
        if calls > 3 then
          debug.sethook()
          error("enough of it")
        end
      end, "c")
      q:get(PATIENCE)
    end)
    debug.sethook()
    assert.is_false(ok)
    assert.truthy(message:find("enough of it", 1, true))
    q:put(1)
    assert.equal(1, q:get(PATIENCE))
  end)

  it("may use other queues while a put waits, whose value stays whole", function()
    local full = assert(conn:Queue {maxsize = 1})
    local other = assert(conn:Queue())
    full:put("first")
    local large = {("waiting"):rep(50)}
    local turns, got = 0, nil
    debug.sethook(function()
      turns = turns + 1
      if turns == 4 then
        other:put(("meanwhile"):rep(100))
        got = full:get(PATIENCE)
        debug.sethook()
      end
    end, "c")
    full:put(large, PATIENCE)
    debug.sethook()
    assert.equal("first", got)
    assert.equal(("meanwhile"):rep(100), other:get(PATIENCE))
    assert.same(large, full:get(PATIENCE))
  end)
end)
