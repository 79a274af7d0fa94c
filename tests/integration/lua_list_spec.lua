-- Lists in Lua, against a hub of their own. What all containers have in common is in lua_dict_spec.lua.
-- Touches a hub in the test's run directory, and Lua and Python programs that it starts.
-- Locks nothing.

local ipc = require "libipc"
local spec = require "spec"

local fresh, fails = spec.fresh, spec.fails

local hub_name = fresh "hub"
local conn

setup(function() conn = assert(ipc.connect(hub_name)) end)
teardown(function() conn:close() end)

describe("a list", function()
  local list
  before_each(function() list = assert(conn:List()) end)
  after_each(function() list:close() end)

  -- What it is to be now.
  local function is(...)
    assert.same({...}, list:values())
  end

  it("counts from 1, and from -1 at the end", function()
    assert.is_true(list:extend {"a", "b", "c"})
    assert.same({"a", "c", "c", "a"}, {list:get(1), list:get(3), list:get(-1), list:get(-3)})
    assert.is_true(list:set(2, {1}))
    assert.same({1}, list:get(2))
    assert.is_true(list:set(-1, "last"))
    for _, beyond in ipairs {4, -4, math.maxinteger, math.mininteger} do
      fails("index", list:get(beyond))
      fails("index", list:set(beyond, 1))
      fails("index", list:delete(beyond))
      fails("index", list:pop(beyond))
    end
    assert.matches("nothing at 4", select(3, list:get(4)), 1, true)
    for _, nought in ipairs {"get", "delete", "pop", "incr"} do
      assert.error_matches(function() list[nought](list, 0) end, "there is no 0", 1, true)
    end
    assert.error_matches(function() list:set(0, 1) end, "there is no 0", 1, true)
    assert.error_matches(function() list:get(1.5) end, "no integer representation", 1, true)
    assert.error_matches(function() list:get() end, "bad argument #1 to 'get'", 1, true)
    assert.error_matches(function() list:get("x") end, "number expected", 1, true)
    is("a", {1}, "last")
  end)

  it("reads and writes like a table, where something is", function()
    list:extend {"a", "b"}
    assert.same({"a", "b", 2}, {list[1], list[-1], #list})
    assert.is_nil(list[3])
    assert.is_nil(list.nothing)
    list[2] = "B"
    list[-2] = nil
    is(ipc.null, "B")
    assert.error_matches(function() list[3] = "c" end, "nothing at 3", 1, true)
    assert.error_matches(function() list[0] = "z" end, "there is no 0", 1, true)
    assert.error_matches(function() return list[0] end, "there is no 0", 1, true)
    assert.error_matches(function() list.name = "n" end, "number expected", 1, true)
    list:close()
    assert.error_matches(function() return list[1] end, "closed", 1, true)
    assert.error_matches(function() return #list end, "closed", 1, true)
  end)

  it("is looked through: items() as it was, ipairs() as it is", function()
    list:extend {10, ipc.null, 30}
    for _, walk in ipairs {list.items, pairs} do
      local seen = {}
      for i, value in walk(list) do
        list:append(i)
        seen[i] = value
      end
      assert.same({10, ipc.null, 30}, {seen[1], seen[2], seen[3]})
    end
    list:delete_slice(4)
    local last
    for i, value in ipairs(list) do
      last = {i, value}
      if i == 3 then
        list:append("late")
      end
    end
    assert.same({4, "late"}, last)
  end)

  it("grows and shrinks", function()
    assert.is_true(list:append(nil))
    assert.is_true(list:append({}))
    is(ipc.null, ipc.array {})
    assert.is_true(list:clear())
    fails("index", list:pop())
    assert.is_true(list:extend {})
    list:extend {1, 2, 3, 4, 5}
    assert.same({5, 1, 3}, {list:pop(), list:pop(1), list:pop(-2)})
    is(2, 4)
    assert.is_true(list:insert(1, "first"))
    assert.is_true(list:insert(-1, "before the last"))
    assert.is_true(list:insert(99, "last"))
    assert.is_true(list:insert(-99, "very first"))
    assert.is_true(list:insert(7, "seventh"))
    is("very first", "first", 2, "before the last", 4, "last", "seventh")
    assert.is_true(list:delete(1))
    assert.equal(6, list:length())
    assert.error_matches(function() list:append() end, "value expected", 1, true)
    assert.error_matches(function() list:extend {1, nil, 3} end, "a sequence of values is needed", 1, true)
    assert.error_matches(function() list:extend {a = 1} end, "a sequence of values is needed", 1, true)
    assert.error_matches(function() list:extend "abc" end, "a sequence of values is needed", 1, true)
    assert.error_matches(function() list:extend(ipc.timestamp(1)) end, "a sequence of values is needed", 1, true)
    list:clear()
    list:extend(ipc.array {nil, 2})
    is(ipc.null, 2)
  end)

  it("is searched", function()
    list:extend {"a", 1, "a", {x = 2.0}, 1.0}
    assert.same({1, 2, 4}, {list:index("a"), list:index(1.0), list:index({x = 2})})
    assert.same({3, 3, 3}, {list:index("a", 2), list:index("a", -3), list:index("a", 2, -3)})
    fails("absent", list:index("a", 2, 2))
    fails("absent", list:index("b"))
    assert.same({2, 0}, {list:count(1), list:count("1")})
    assert.same({true, false}, {list:has({x = 2}), list:has(ipc.null)})
    assert.is_true(list:remove(1))
    fails("absent", list:remove("b"))
    is("a", "a", {x = 2.0}, 1.0)
  end)

  it("is reversed, sorted and repeated", function()
    list:extend {3, 1.5, 2}
    assert.is_true(list:reverse())
    is(2, 1.5, 3)
    assert.is_true(list:sort())
    is(1.5, 2, 3)
    assert.is_true(list:sort(true))
    is(3, 2, 1.5)
    list:append("text")
    fails("kind", list:sort())
    is(3, 2, 1.5, "text")
    list:delete_slice(3)
    assert.is_true(list:times(2))
    is(3, 2, 3, 2)
    assert.is_true(list:times(0))
    assert.equal(0, #list)
    assert.error_matches(function() list:times() end, "value expected", 1, true)
    assert.error_matches(function() list:sort(1) end, "boolean expected", 1, true)
  end)

  it("counts in it, compares and sets", function()
    list:extend {1, "text", math.maxinteger}
    assert.same({2, 5, 5.5}, {list:incr(1), list:incr(1, 3), list:incr(1, 0.5)})
    fails("kind", list:incr(2))
    fails("range", list:incr(-1))
    assert.is_true(list:compare_set(2, "text", {1}))
    assert.is_false(list:compare_set(2, "text", {2}))
    assert.is_true(list:compare_set(2, {1.0}, nil))
    is(5.5, ipc.null, math.maxinteger)
    fails("index", list:compare_set(4, 1, 2))
    fails("kind", list:compare_set(1, ipc.absent, 2))
  end)
end)

-- ---- slices ----

describe("a slice of a list", function()
  local letters = {"a", "b", "c", "d", "e"}
  local list
  before_each(function()
    list = assert(conn:List())
    list:extend(letters)
  end)
  after_each(function() list:close() end)

  local function text()
    return table.concat(list:values())
  end

  it("has the bounds of string.sub", function()
    local whole = table.concat(letters)
    local bounds = {-9, -6, -5, -4, -2, -1, 1, 2, 3, 5, 6, 9, math.maxinteger, math.mininteger}
    assert.equal(whole, table.concat(list:slice()))
    for _, i in ipairs(bounds) do
      assert.equal(whole:sub(i), table.concat(list:slice(i)))
      for _, j in ipairs {0, table.unpack(bounds)} do
        assert.equal(whole:sub(i, j), table.concat(list:slice(i, j)), ("%d to %d"):format(i, j))
      end
    end
    assert.equal("abc", table.concat(list:slice(nil, 3)))
    assert.error_matches(function() list:slice(0) end, "there is no 0", 1, true)
  end)

  it("has the steps of a loop", function()
    -- What a numeric for over the positions that there are would visit.
    local function walk(i, j, step)
      local seen = {}
      i, j = i < 0 and i + 6 or i, j < 0 and j + 6 or j
      for at = i, j, step do
        seen[#seen + 1] = letters[at]
      end
      return table.concat(seen)
    end
    for _, step in ipairs {1, 2, 3, 7, -1, -2, -3, -7} do
      for _, i in ipairs {-5, -3, -1, 1, 2, 5} do
        for _, j in ipairs {-5, -4, -1, 0, 1, 2, 4, 5} do
          assert.equal(walk(i, j, step), table.concat(list:slice(i, j, step)), ("%d, %d, %d"):format(i, j, step))
        end
      end
    end
    assert.equal("ace", table.concat(list:slice(nil, nil, 2)))
    assert.equal("edcba", table.concat(list:slice(nil, nil, -1)))
    assert.equal("eca", table.concat(list:slice(99, -99, -2)))
    assert.equal("edcba", table.concat(list:slice(math.maxinteger, math.mininteger, -1)))
    assert.equal("a", table.concat(list:slice(1, math.maxinteger, math.maxinteger)))
    for _, step in ipairs {0, math.mininteger, 1.5, "x"} do
      assert.has_error(function() list:slice(1, 2, step) end)
    end
  end)

  it("is replaced", function()
    assert.is_true(list:set_slice(2, 3, {"X", "Y", "Z"}))
    assert.equal("aXYZde", text())
    assert.is_true(list:set_slice(1, 0, {"<"}))
    assert.is_true(list:set_slice(#list + 1, nil, {">"}))
    assert.equal("<aXYZde>", text())
    assert.is_true(list:set_slice(2, -2, {}))
    assert.equal("<>", text())
    assert.is_true(list:set_slice(nil, nil, letters))
    assert.is_true(list:set_slice(1, -1, {"1", "3", "5"}, 2))
    assert.equal("1b3d5", text())
    assert.is_true(list:set_slice(4, 2, {"4", "-", "2"}, -1))
    assert.equal("12-45", text())
    assert.error_matches(function() list:set_slice(1, -1, {"1"}, 2) end, "3", 1, true)
    assert.error_matches(function() list:set_slice(1, 2, "no") end, "bad argument #3 to 'set_slice'", 1, true)
    assert.error_matches(function() list:set_slice(1, 2) end, "value expected", 1, true)
    assert.equal("12-45", text())
  end)

  it("is deleted", function()
    assert.is_true(list:delete_slice(2, 3))
    assert.equal("ade", text())
    assert.is_true(list:delete_slice(1, -1, 2))
    assert.equal("d", text())
    assert.is_true(list:delete_slice(1))
    assert.equal("", text())
  end)
end)

-- ---- with others ----

describe("programs on a list", function()
  it("meet on its name, and none of their steps is lost", function()
    local name = fresh "list"
    local list <close> = assert(conn:List(name))
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write [[
      local ipc = require "libipc"
      local conn <close> = assert(ipc.connect(arg[1]))
      local list = assert(conn:List(arg[2], {mode = "attach"}))
      for i = 1, 300 do assert(list:append(i)) end
      print("ok")
    ]]
    file:close()
    local pipes = {}
    for i = 1, 3 do
      pipes[i] = assert(io.popen(("lua5.4 %s %s %s 2>&1"):format(path, hub_name, name)))
    end
    for _, pipe in ipairs(pipes) do
      assert.equal("ok\n", pipe:read("a"))
      pipe:close()
    end
    os.remove(path)
    assert.equal(900, #list)
    assert.is_true(list:sort())
    assert.same({1, 1, 1, 2}, list:slice(1, 4))
  end)

  it("are of both languages, which count from 1 and from 0", function()
    if not spec.python() then
      return pending("no Python here that has libipc")
    end
    local name = fresh "list"
    local list <close> = assert(conn:List(name))
    list:extend {"one", 2.0, ipc.null, list}
    spec.run_python(hub_name, name, [==[
l = conn.List(name)
assert l[0] == "one" and l[1] == 2.0 and l[2] is None, list(l)
l[3].append(("tuple", b"\0"))
assert len(l) == 5
l[0] = {"k": 1}
l.insert(1, 2**63)
]==])
    assert.same({k = 1}, list[1])
    assert.same({"tuple", ipc.bin "\0"}, list[-1])
    assert.equal(6, #list)
    fails("format", list:get(2))
    fails("format", list:values())
    assert.error_matches(function() return list[2] end, "larger than Lua can hold", 1, true)
    list:clear()
  end)

  it("hold large values", function()
    local list <close> = assert(conn:List())
    local big = ("y"):rep(3 * 1024 * 1024)
    local many = {}
    for i = 1, 100000 do
      many[i] = i
    end
    assert(list:append(big))
    assert(list:extend(many))
    assert.is_true(list[1] == big)
    assert.equal(100001, #list:values())
    assert.equal(5000050000, (function()
      local sum = 0
      for i, value in list:items() do
        sum = sum + (i > 1 and value or 0)
      end
      return sum
    end)())
  end)
end)
