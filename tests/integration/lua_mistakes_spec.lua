-- Mistakes in a program are told at its own line, in the words of its own arguments.
-- Touches a hub in the test's run directory.
-- Locks nothing.

local ipc = require "libipc"
local spec = require "spec"

local fresh = spec.fresh

local conn

setup(function() conn = assert(ipc.connect(fresh "hub")) end)
teardown(function() conn:close() end)

-- That f() is told so, at a line of this file.
local function told(f, words)
  local ok, message = pcall(f)
  assert.is_false(ok)
  local place, rest = message:match "([^/:]*):%d+: (.*)"
  assert.same({"lua_mistakes_spec.lua", words}, {place, rest})
end

describe("options that are no table", function()
  local EXAMPLES = {
    Queue = "{maxsize = 3}", JoinableQueue = "{maxsize = 3}", Pipe = '{side = "a"}', Lock = "{refuse_deadlock = true}",
    RLock = "{refuse_deadlock = true}", Condition = "{refuse_deadlock = true}", Semaphore = "{value = 3}",
    BoundedSemaphore = "{value = 3}", Event = '{mode = "create"}', Barrier = "{parties = 3}",
    Dict = '{mode = "create"}', Namespace = '{mode = "create"}', List = '{mode = "create"}',
    Array = '{typecode = "d", length = 3}',
    Value = '{typecode = "d", value = 3}',
  }
  for class, example in pairs(EXAMPLES) do
    it(("are told of (%s)"):format(class), function()
      local words = ("options are a table, such as %s, not a number"):format(example)
      told(function() conn[class](conn, "name", 10) end, words)
      told(function() return (conn[class](conn, "name", 10)) end, words)
      told(function() ipc[class]("name", 10) end, words)
      told(function() conn[class](conn, "name", false) end, (words:gsub("number", "boolean")))
      told(function() conn[class](conn, "name", conn) end, (words:gsub("a number", "an ipc.Conn")))
    end)

    it(("are told of where the name is none (%s)"):format(class), function()
      told(function() conn[class](conn, 5) end, "a name is a string, not a number")
      told(function() conn[class](conn, {name = true}) end, "a name is a string, not a boolean")
      told(function() conn[class](conn, "a\0b") end, "a name has no zero byte in it")
    end)
  end

  it("are told of by connect() and hub()", function()
    told(function() ipc.connect("name", 5) end, "options are a table, such as {timeout = 3}, not a number")
    told(function() ipc.Manager("name", 5) end, "options are a table, such as {timeout = 3}, not a number")
    told(function() ipc.hub("inproc://x", 5) end, "options are a table, such as {max_objects = 100}, not a number")
    told(function() ipc.set_value_limits(5) end, "options are a table, such as {max_depth = 64}, not a number")
    told(function() ipc.connect(5) end, "an address is a string, not a number")
    told(function() ipc.hub(5) end, "an address is a string, not a number")
    told(function() ipc.hub() end, "an address is a string, not nil")
    told(function() ipc.connect("name", {timeout = -1}) end,
      "a timeout is a number of seconds, 0 or more, or nil for ever")
  end)
end)

describe("an option that cannot be", function()
  it("is told of by its name", function()
    told(function() conn:Condition {lock = 5} end, "the option lock is a Lock or an RLock, not a number")
    told(function() conn:Condition {lock = conn} end, "the option lock is a Lock or an RLock, not an ipc.Conn")
    told(function() conn:Queue {maxsize = -1} end, "the option maxsize is an integer of 0 or more, not -1")
    told(function() conn:Semaphore {value = 1.5} end, "the option value is an integer of 0 or more, not 1.5")
    told(function() conn:Array {typecode = "d", length = -1} end,
      "the option length is an integer of 0 or more, not -1")
  end)

  it("is told of where only the hub knows", function()
    told(function() conn:Array(fresh "array") end,
      "what makes an array says its typecode, and its length or what it begins with")
    told(function() ipc.Value() end, "what makes a value says its typecode")
    told(function() conn:Barrier() end, "a barrier needs its parties: how many wait for each other?")
    told(function() conn:JoinableQueue {dead_letter = "x"} end,
      "a dead_letter needs max_deliveries: after how many does an item go there?")
    told(function() conn:Condition():wait(0) end, "waiting needs the condition's lock: acquire it first")
  end)
end)

describe("an argument", function()
  it("that is no function is told of", function()
    for _, class in ipairs {"Lock", "Condition", "Semaphore"} do
      local thing <close> = assert(conn[class](conn))
      told(function() thing:with() end, "with() calls a function, not nil")
      told(function() thing:with(5) end, "with() calls a function, not a number")
      assert.is_not_nil(thing:acquire(0)) -- it was not acquired
    end
    local changed <close> = assert(conn:Condition())
    told(function() changed:wait_for() end, "wait_for() calls a function, not nil")
    local start <close> = assert(conn:Barrier {parties = 1})
    told(function() start:wait(1, 5) end, "the action is a function, not a number")
    assert.equal("yes", (assert(conn:Lock()):with(setmetatable({}, {__call = function() return "yes" end}))))
  end)

  it("that is no timeout is told of", function()
    local words = "a timeout is a number of seconds, 0 or more, or nil for ever"
    local changed <close> = assert(conn:Condition())
    told(function() changed:with(print, "x") end, words)
    told(function() changed:wait(-1) end, words)
    told(function() changed:wait_for(print, {}) end, words)
    told(function() assert(conn:Barrier {parties = 1}):wait("1") end, words)
  end)

  it("of a slice is told of by its name, however it was called", function()
    local list <close> = assert(conn:List())
    told(function() list:slice(1, 2, 0) end, "a step is not 0")
    assert.same({false, "a step is not 0"}, {pcall(list.slice, list, 1, 2, 0)})
  end)
end)
