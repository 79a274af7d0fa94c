-- Looking at a hub and its objects, and the limits of values, in Lua, against a hub of their own.
-- Touches the hub that the first connection starts in the test's run directory, and this process's limits of values.
-- Locks nothing.

local ipc = require "libipc"
local spec = require "spec"

local PATIENCE, fresh, fails = spec.PATIENCE, spec.fresh, spec.fails

local conn

setup(function() conn = assert(ipc.connect(fresh "hub")) end)
teardown(function() conn:close() end)

describe("a connection", function()
  it("says what its hub is", function()
    local q <close> = assert(conn:Queue(fresh "held"))
    q:put("x")
    q:flush(PATIENCE)
    local stat = assert(conn:stat())
    assert.equal(ipc.version, stat.version)
    assert.is_true(stat.memory > 0 and stat.objects >= 1 and stat.sessions >= 1 and stat.uptime_ms >= 0)
    assert.equal(255, stat.limits.name)
    local found
    for _, session in ipairs(stat.who) do
      found = session.language == "lua" and session or found
    end
    assert.equal("integer", math.type(found.pid))
  end)

  it("says what an object is", function()
    local name, dead = fresh "jobs", fresh "dead"
    local jobs <close> = assert(conn:JoinableQueue(name, {maxsize = 7, max_deliveries = 3, dead_letter = dead}))
    jobs:put_many {1, 2}
    local item = assert(jobs:take(PATIENCE))
    local info = assert(conn:info(name))
    assert.same({name, "queue", 1}, {info.name, info.type, info.handles})
    assert.equal(1, #info.holders)
    local state = info.state
    assert.same({true, 7, 3}, {state.joinable, state.maxsize, state.max_deliveries})
    assert.same({dead, false}, {state.dead_letter, state.shut})
    assert.equal(2, state.unfinished)
    item:done()
  end)

  it("says that there is no such object", function()
    fails("noent", conn:info(fresh "nothing"))
    assert.has_error(function() conn:info() end)
    assert.has_error(function() conn:info(nil) end)
    assert.has_error(function() conn:info {} end)
    assert.error_matches(function() conn:info("a\0b") end, "zero byte", 1, true)
  end)

  it("says nothing when it is closed", function()
    local mine = assert(ipc.connect(conn:address()))
    mine:close()
    fails("closed", mine:stat())
    fails("closed", mine:info("x"))
  end)
end)

describe("the limits of values", function()
  local before

  before_each(function() before = ipc.value_limits() end)
  after_each(function() ipc.set_value_limits(before) end)

  local function nested(depth)
    local value = 1
    for _ = 1, depth do
      value = {value}
    end
    return value
  end

  it("have defaults", function()
    assert.same({max_depth = 32, max_elements = 1 << 24}, ipc.value_limits())
  end)

  it("hold for what is sent", function()
    local q = assert(conn:Queue())
    assert.is_true(ipc.set_value_limits {max_depth = 3, max_elements = 5})
    assert.same({max_depth = 3, max_elements = 5}, ipc.value_limits())
    assert.equal("string", type(ipc.pack(nested(3))))
    assert.error_matches(function() ipc.pack(nested(4)) end, "nested deeper than 3", 1, true)
    assert.equal("string", type(ipc.pack {1, 2, 3, 4}))
    assert.error_matches(function() ipc.pack {1, 2, 3, 4, 5} end, "more than 5 values in one", 1, true)
    assert.error_matches(function() ipc.pack {a = 1, b = 2, c = 3} end, "more than 5 values in one", 1, true)
    assert.equal(3, q:put_many {{1, 2, 3}, {4, 5, 6}, {7, 8, 9}}) -- each by itself
  end)

  it("hold for what comes", function()
    local deep, wide = ipc.pack(nested(4)), ipc.pack {1, 2, 3, 4, 5}
    ipc.set_value_limits {max_depth = 3, max_elements = 5}
    fails("depth", ipc.unpack(deep))
    fails("elements", ipc.unpack(wide))
  end)

  it("can be raised", function()
    assert.has_error(function() ipc.pack(nested(33)) end)
    ipc.set_value_limits {max_depth = 128}
    assert.same({max_depth = 128, max_elements = 1 << 24}, ipc.value_limits())
    local q = assert(conn:Queue())
    q:put(nested(128))
    local value, depth = assert(q:get(PATIENCE)), 0
    while type(value) == "table" do
      value, depth = value[1], depth + 1
    end
    assert.equal(128, depth)
    assert.error_matches(function() ipc.pack(nested(129)) end, "nested deeper than 128", 1, true)
    local loop = {}
    loop.loop = {loop}
    assert.error_matches(function() ipc.pack(loop) end, "or one inside itself", 1, true)
  end)

  it("are told from mistakes", function()
    for _, limits in ipairs {
        {max_depth = 0}, {max_depth = 129}, {max_depth = -1}, {max_depth = 1.5}, {max_elements = 0},
        {max_elements = 1 << 32}, {max_deep = 1}, {max_depth = "3"}} do
      assert.has_error(function() ipc.set_value_limits(limits) end)
    end
    assert.same(before, ipc.value_limits())
    assert.is_true(ipc.set_value_limits())
    assert.same(before, ipc.value_limits())
  end)
end)
