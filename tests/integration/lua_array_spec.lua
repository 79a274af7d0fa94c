-- Arrays and values in Lua, against a hub of their own. What all containers have in common is in lua_dict_spec.lua.
-- Touches a hub in the test's run directory, and Lua and Python programs that it starts, and kills.
-- Locks the locks of what it tests.

local ipc = require "libipc"
local spec = require "spec"

local PATIENCE, fresh, fails = spec.PATIENCE, spec.fresh, spec.fails

local hub_name = fresh "hub"
local conn

setup(function() conn = assert(ipc.connect(hub_name)) end)
teardown(function() conn:close() end)

-- By typecode: the least and the largest integer.
local RANGES = {
  b = {-128, 127}, B = {0, 255}, h = {-32768, 32767}, H = {0, 65535}, i = {-2 ^ 31 | 0, 2 ^ 31 - 1 | 0},
  I = {0, 2 ^ 32 - 1 | 0}, l = {math.mininteger, math.maxinteger}, L = {0}, q = {math.mininteger, math.maxinteger},
  Q = {0},
}

local function start(text, name)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write([[
    local ipc = require "libipc"
    local conn = assert(ipc.connect(arg[1]))
    local name = arg[2]
    io.stdout:setvbuf("line")
  ]], text)
  file:close()
  local pipe = assert(io.popen(("echo $$; exec lua5.4 %s %s %s 2>&1"):format(path, hub_name, name)))
  return {pipe = pipe, pid = pipe:read("n", "l"), path = path}
end

local function finish(program)
  local rest = program.pipe:read("a")
  program.pipe:close()
  os.remove(program.path)
  return rest
end

-- ---- values ----

describe("a value", function()
  it("is one number of its type", function()
    for typecode, range in pairs(RANGES) do
      local value <close> = assert(conn:Value {typecode = typecode})
      assert.same({0, "integer", typecode}, {value:get(), math.type(value:get()), value:typecode()})
      for _, number in ipairs(range) do
        assert.is_true(value:set(number))
        assert.equal(number, value:get())
      end
      if range[1] > math.mininteger then
        fails("range", value:set(range[1] - 1))
      end
      if range[2] and range[2] < math.maxinteger then
        fails("range", value:set(range[2] + 1))
        fails("range", value:incr())
      end
      fails("kind", value:set(1.5))
      fails("kind", value:set("1"))
      assert.equal(range[#range], value:get())
    end
    for _, typecode in ipairs {"f", "d"} do
      local value <close> = assert(conn:Value {typecode = typecode, value = 3})
      assert.same({3.0, "float"}, {value:get(), math.type(value:get())})
      assert.is_true(value:set(math.huge))
      assert.equal(math.huge, value:get())
      assert.is_true(value:set(0.1))
      assert.equal(typecode == "d", value:get() == 0.1)
    end
  end)

  it("counts, compares and sets", function()
    local value <close> = assert(conn:Value {typecode = "q", value = 5})
    assert.same({6, 16, 15}, {value:incr(), value:incr(10), value:incr(-1)})
    assert.is_true(value:compare_set(15, math.maxinteger))
    assert.is_false(value:compare_set(15, 1))
    fails("range", value:incr())
    fails("kind", value:compare_set(math.maxinteger, ipc.absent))
    assert.equal(math.maxinteger, value:get())
    assert.error_matches(function() value:set() end, "value expected", 1, true)
    assert.error_matches(function() value:incr("1") end, "number expected", 1, true)
  end)

  it("is what it was made as, or as it is", function()
    local name = fresh "value"
    local first <close> = assert(conn:Value(name, {typecode = "i", value = 7}))
    assert.equal(("ipc.Value: %s (i)"):format(name), tostring(first))
    for _, options in ipairs {{}, {typecode = "i"}, {typecode = "i", value = 9}, {mode = "attach"}} do
      local same <close> = assert(conn:Value(name, options))
      assert.equal(7, same:get())
    end
    fails("options", conn:Value(name, {typecode = "q"}))
    fails("type", conn:Array(name, {typecode = "i", length = 1}))
    assert.error_matches(function() conn:Value() end, "typecode", 1, true)
    for _, wrong in ipairs {"x", "qq", "\0", "?"} do
      assert.error_matches(function() conn:Value {typecode = wrong} end, "the option typecode is one of", 1, true)
    end
    fails("range", conn:Value {typecode = "b", value = 128})
    fails("kind", conn:Value {typecode = "b", value = 1.5})
  end)

  it("never wraps what Lua cannot hold", function()
    if not spec.python() then
      return pending("no Python here that has libipc")
    end
    local name = fresh "value"
    local value <close> = assert(conn:Value(name, {typecode = "Q", value = math.maxinteger}))
    spec.run_python(hub_name, name, [==[
v = conn.Value(name=name)
assert v.value == 2**63 - 1
v.value = 2**64 - 1
]==])
    fails("format", value:get())
    assert.matches("18446744073709551615", select(3, value:get()), 1, true)
    assert.is_true(value:set(1))
    assert.equal(1, value:get())
  end)
end)

-- ---- arrays ----

describe("an array", function()
  it("has numbers at positions from 1, and from -1 at the end", function()
    local array <close> = assert(conn:Array {typecode = "i", length = 3})
    assert.same({3, 3, {0, 0, 0}}, {array:length(), #array, array:values()})
    assert.is_true(array:set(1, 10))
    assert.is_true(array:set(-1, 30))
    array[2] = 20
    assert.same({10, 20, 30}, {array:get(1), array[2], array[-1]})
    for _, beyond in ipairs {4, -4} do
      fails("index", array:get(beyond))
      fails("index", array:set(beyond, 1))
      fails("index", array:incr(beyond))
      assert.is_nil(array[beyond])
      assert.error_matches(function() array[beyond] = 1 end, "nothing at " .. beyond, 1, true)
    end
    assert.error_matches(function() array:get(0) end, "there is no 0", 1, true)
    assert.error_matches(function() array[0] = 1 end, "there is no 0", 1, true)
    fails("range", array:set(1, 1 << 31))
    fails("kind", array:set(1, ipc.null))
    assert.error_matches(function() array[1] = "x" end, "typecode i is an integer", 1, true)
    assert.same({15, 16}, {array:incr(1, 5), array:incr(1)})
    assert.is_true(array:compare_set(1, 16, 1))
    assert.is_false(array:compare_set(1, 16, 2))
    assert.same({1, 20, 30}, array:copy())
  end)

  it("has slices, as lists have, and its length stays", function()
    local array <close> = assert(conn:Array {typecode = "d", values = {1, 2, 3, 4, 5}})
    assert.same({2.0, 3.0}, array:slice(2, 3))
    assert.same({5.0, 3.0, 1.0}, array:slice(nil, nil, -2))
    assert.same(ipc.array {}, array:slice(4, 3))
    assert.is_true(array:set_slice(2, 3, {20, 30.5}))
    assert.is_true(array:set_slice(5, 1, {5, 3, 1}, -2))
    assert.same({1.0, 20.0, 3.0, 4.0, 5.0}, array:values())
    assert.error_matches(function() array:set_slice(1, 2, {1}) end, "an array's length stays", 1, true)
    fails("kind", array:set_slice(1, 2, {1, "x"}))
    assert.same({1.0, 20.0, 3.0, 4.0, 5.0}, array:values())
    assert.equal("float", math.type(array[1]))
  end)

  it("is looked through", function()
    local array <close> = assert(conn:Array {typecode = "B", values = {1, 2, 3}})
    for _, walk in ipairs {array.items, pairs, ipairs} do
      local sum = 0
      for i, number in walk(array) do
        assert.equal(i, number)
        sum = sum + number
      end
      assert.equal(6, sum)
    end
    array:close()
    assert.error_matches(function() array:items() end, "closed", 1, true)
    assert.error_matches(function() return array[1] end, "closed", 1, true)
  end)

  it("is what it was made as, or as it is", function()
    local name = fresh "array"
    local first <close> = assert(conn:Array(name, {typecode = "h", values = {1, 2}}))
    assert.equal(("ipc.Array: %s (h)"):format(name), tostring(first))
    for _, options in ipairs {{}, {typecode = "h", length = 2}, {values = {8, 9}}, {mode = "attach"}} do
      local same <close> = assert(conn:Array(name, options))
      assert.same({1, 2}, same:values())
    end
    fails("options", conn:Array(name, {typecode = "i"}))
    fails("options", conn:Array(name, {length = 3}))
    fails("type", conn:Value(name))
    assert.error_matches(function() conn:Array() end, "typecode", 1, true)
    assert.error_matches(function() conn:Array {typecode = "d"} end, "length", 1, true)
    assert.error_matches(function() conn:Array {typecode = "d", length = -1} end, "0 or more", 1, true)
    assert.error_matches(function() conn:Array {typecode = "d", length = 3, values = {1}} end, "1 values", 1, true)
    fails("kind", conn:Array {typecode = "d", values = {"x"}})
    fails("range", conn:Array {typecode = "B", values = {256}})
    local none <close> = assert(conn:Array {typecode = "d", values = {}})
    assert.equal(0, #none)
  end)

  it("is large", function()
    local array <close> = assert(conn:Array {typecode = "d", length = 400000})
    local numbers = {}
    for i = 1, #array do
      numbers[i] = i + 0.5
    end
    assert.is_true(array:set_slice(1, -1, numbers))
    assert.equal(400000.5, array[-1])
    assert.same(numbers, array:values())
  end)
end)

-- ---- their locks ----

for class, options in pairs {Array = {typecode = "q", length = 1}, Value = {typecode = "q"}} do
  describe("the lock of " .. class, function()
    it("is its owner's, who may acquire it again", function()
      local name = fresh "locked"
      local mine <close> = assert(conn[class](conn, name, options))
      local fence, abandoned = mine:acquire(PATIENCE)
      assert.same({"integer", false}, {math.type(fence), abandoned})
      assert(mine:acquire(0))
      assert.same({true, true}, {mine:locked()})
      local other = start(([[
        local it = assert(conn:%s(name))
        print(it:acquire(0))
        print(it:locked())
      ]]):format(class), name)
      assert.equal("nil\ttimeout\ttimed out\ntrue\tfalse\n", finish(other))
      assert.is_true(mine:release())
      assert.is_true(mine:release())
      assert.same({false, false}, {mine:locked()})
      assert.has_error(function() mine:release() end)
    end)

    it("is held while a function runs, and the numbers are free all the same", function()
      local mine <close> = assert(conn[class](conn, options))
      assert.same({"one", nil, 3}, {mine:with(function()
        assert.same({true, true}, {mine:locked()})
        return "one", nil, 3
      end)})
      assert.has_error(function() mine:with(function() error("on purpose") end) end)
      assert.is_false((mine:locked()))
    end)

    it("goes on when its owner dies, which is told", function()
      local name = fresh "dead"
      local mine <close> = assert(conn[class](conn, name, options))
      local other = start(([[
        local it = assert(conn:%s(name))
        assert(it:acquire())
        print("has it")
        conn:Queue():get()
      ]]):format(class), name)
      assert.equal("has it", other.pipe:read("l"))
      fails("timeout", mine:acquire(0))
      os.execute(("kill -KILL %d"):format(other.pid))
      local fence, abandoned = mine:acquire(PATIENCE)
      assert.same({"integer", true}, {math.type(fence), abandoned})
      assert.is_true(mine:release())
      finish(other)
    end)
  end)
end

describe("Lua and Python", function()
  it("share arrays and their locks", function()
    if not spec.python() then
      return pending("no Python here that has libipc")
    end
    local name = fresh "array"
    local array <close> = assert(conn:Array(name, {typecode = "d", values = {1, 2, 3}}))
    spec.run_python(hub_name, name, [==[
a = conn.Array(name=name)
assert list(a) == [1.0, 2.0, 3.0]
with a.get_lock():
    a[0] = 10
    a[1:] = [20, 30.5]
]==])
    assert.same({10.0, 20.0, 30.5}, array:values())
    assert.equal("float", math.type(array[1]))
    assert.is_false((array:locked()))
  end)
end)
