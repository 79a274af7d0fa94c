-- What becomes of unfinished items in Lua: by the options of the queue, and by how programs end.
-- Touches a hub in the test's run directory, and Lua programs that it starts.
-- Locks nothing.

local ipc = require "libipc"
local spec = require "spec"

local PATIENCE, fresh, fails = spec.PATIENCE, spec.fresh, spec.fails

local hub_name = fresh "hub"
local conn

setup(function() conn = assert(ipc.connect(hub_name)) end)
teardown(function() conn:close() end)

-- A joinable queue with one item.
local function with_item(options)
  local name = fresh "jobs"
  local jobs = assert(conn:JoinableQueue(name, options))
  jobs:put("work")
  jobs:flush(PATIENCE)
  return jobs, name
end

-- A Lua program, given the names of the hub and a queue, run to its end: what it printed, and its code.
local function run(program, name)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write('local ipc = require "libipc"\n', program)
  file:close()
  local pipe = assert(io.popen(("lua5.4 %s %s %s 2>&1"):format(path, hub_name, name)))
  local output = pipe:read("a")
  local _, _, code = pipe:close()
  os.remove(path)
  return output, code
end

-- Until the hub knows that nobody but us has the queue.
local function alone(name)
  local pause = assert(conn:Queue())
  for _ = 1, PATIENCE / 0.01 do
    if assert(conn:info(name)).handles == 1 then
      return
    end
    pause:get(0.01)
  end
  error("the program's handle is still there", 2)
end

describe("a joinable queue's options", function()
  it("may stand in one table with its name, or behind it", function()
    local name, dead = fresh "named", fresh "dead"
    local options = {maxsize = 3, redeliver = "always", max_deliveries = 2, dead_letter = dead}
    local first <close> = assert(conn:JoinableQueue(name, options))
    assert.equal(0, first:qsize())
    local same <close> = assert(conn:JoinableQueue {name = name, maxsize = 3, redeliver = "always", max_deliveries = 2,
      dead_letter = dead, mode = "attach"})
    assert.equal(name, same:name())
    assert.is_nil(options.name)
    fails("options", conn:JoinableQueue(name, {redeliver = "never"}))
    fails("options", conn:JoinableQueue {name = name, max_deliveries = 3})
    local plain <close> = assert(conn:Queue {name = dead})
    assert.equal(dead, plain:name())
    local a <close> = assert(conn:Pipe {name = fresh "pipe", side = "a"})
    assert.equal("string", type(a:name()))
  end)

  it("are told from mistakes", function()
    assert.error_matches(function() conn:JoinableQueue {redeliver = "sometimes"} end,
      'one of "always", "crash", "never"', 1, true)
    assert.error_matches(function() conn:Queue {redeliver = "never"} end, "no option redeliver of type", 1, true)
    assert.error_matches(function() conn:JoinableQueue({name = "x"}, {maxsize = 1}) end, "a name goes before", 1, true)
    assert.has_error(function() conn:JoinableQueue {name = 7} end)
    for _, options in ipairs {{max_deliveries = -1}, {max_deliveries = 1.5}, {max_deliveries = 1001},
        {max_deliveries = 1 << 32}, {dead_letter = "x"}, {dead_letter = 7, max_deliveries = 1}} do
      assert.has_error(function() conn:JoinableQueue(options) end)
    end
  end)

  it("send what comes back too often to the dead letter queue", function()
    local dead = fresh "dead"
    local jobs <close> = with_item {max_deliveries = 2, dead_letter = dead}
    for _ = 1, 2 do
      assert(jobs:take(PATIENCE)):release()
    end
    assert.equal("work", assert(conn:Queue(dead)):get(PATIENCE))
    fails("empty", jobs:get(0))
    assert.is_true(jobs:join(PATIENCE))
  end)

  it("redeliver always: after a clean end, too", function()
    local jobs, name = with_item {redeliver = "always"}
    local output, code = run([[
      local conn <close> = assert(ipc.connect(arg[1]))
      print(conn:JoinableQueue(arg[2], {redeliver = "always"}):get(5))
    ]], name)
    assert.same({"work\n", 0}, {output, code})
    local item <close> = assert(jobs:take(PATIENCE))
    assert.equal(2, item.attempt)
  end)

  it("redeliver never: not after a failure either", function()
    local jobs, name = with_item {redeliver = "never"}
    local _, code = run([[
      local conn <close> = assert(ipc.connect(arg[1]))
      conn:JoinableQueue(arg[2], {redeliver = "never"}):get(5)
      error("on purpose")
    ]], name)
    assert.equal(1, code)
    alone(name)
    fails("empty", jobs:get(0))
    fails("timeout", jobs:join(0))
  end)
end)

-- Programs that have taken the item, and what becomes of it: the attempt with which it comes again, or false.
local ENDINGS = {
  ["at its last line"] = {"take()", 0, false},
  ["by os.exit"] = {"take() os.exit(3)", 3, false},
  ["by os.exit that closes the state"] = {"take() os.exit(3, true)", 3, false},
  ["by an error, with a connection that is not <close>"] = {"take() error('on purpose')", 1, false},
  ["by an error, with a connection that is <close>"] = {"local c <close> = conn take() error('on purpose')", 1, 2},
  ["by an error that leaves the connection's scope and is caught"] = {
    "print(pcall(function() local c <close> = conn take() error('on purpose', 0) end))", 0, 2},
  ["at its last line, with a connection that is <close>"] = {"local c <close> = conn take()", 0, false},
  ["by a break out of a connection's scope"] = {"while true do local c <close> = conn take() break end", 0, false},
  ["by os.exit after ipc.fail()"] = {"take() ipc.fail() os.exit(3)", 3, 2},
  ["by an error, under an xpcall that says ipc.fail()"] = {
    "xpcall(function() take() error('on purpose') end, function() ipc.fail() os.exit(7) end)", 7, 2},
  ["after conn:fail()"] = {"take() conn:fail() conn:fail() conn:close()", 0, 2},
  ["by an error in a loop over items"] = {
    "for item in jobs:items() do print(item.value) error('on purpose') end", 1, 2},
  ["by an error in a loop over items that it had done"] = {
    "for item in jobs:items() do item:done() error('on purpose') end", 1, false},
  ["by a break out of a loop over items"] = {"for item in jobs:items() do print(item.value) break end", 0, false},
  ["by an error, with an item that is <close>"] = {
    "do local item <close> = jobs:take(5) error('on purpose') end", 1, 2},
  ["killed"] = {"take() io.popen('kill -9 $PPID'):close()", 128 + 9, 2},
}

describe("a program that ends", function()
  for how, ending in pairs(ENDINGS) do
    it(how .. (ending[3] and " gives back what it had not done" or " does not give back what it had taken"), function()
      local jobs, name = with_item()
      local program, expected, attempt = table.unpack(ending)
      local output, code = run([[
        local conn = assert(ipc.connect(arg[1]))
        local jobs = assert(conn:JoinableQueue(arg[2]))
        local function take() assert(jobs:get(5)) end
      ]] .. program, name)
      assert.equal(expected, code, output)
      alone(name)
      if attempt then
        local item <close> = assert(jobs:take(PATIENCE))
        assert.equal(attempt, item.attempt)
      else
        fails("empty", jobs:take(0))
      end
    end)
  end
end)

describe("a failed connection", function()
  it("is closed, and what was put through it is there", function()
    local mine = assert(ipc.connect(hub_name))
    local name = fresh "put"
    local q = assert(mine:Queue(name))
    q:put("kept")
    assert.is_nil(mine:fail())
    fails("closed", q:put(1))
    assert.equal("kept", assert(conn:Queue(name)):get(PATIENCE))
  end)
end)

describe("a loop over items", function()
  it("gives back only the item at work when an error leaves it", function()
    local jobs = assert(conn:JoinableQueue())
    jobs:put_many {1, 2, 3}
    local ok, message = pcall(function()
      for item in jobs:items() do
        if item.value == 2 then
          error("at two", 0)
        end
        item:done()
      end
    end)
    assert.same({false, "at two"}, {ok, message})
    local left = {} -- in whatever order: what comes again comes when it can
    for item in jobs:items(0.1) do
      left[item.value] = item.attempt
      item:done()
    end
    assert.same({[2] = 2, [3] = 1}, left)
    assert.is_true(jobs:join(PATIENCE))
  end)
end)
