-- Namespaces in Lua, against a hub of their own. What all containers have in common is in lua_dict_spec.lua.
-- Touches a hub in the test's run directory, and Python programs that it starts.
-- Locks nothing.

local ipc = require "libipc"
local spec = require "spec"

local fresh, fails = spec.fresh, spec.fails

local hub_name = fresh "hub"
local conn

setup(function() conn = assert(ipc.connect(hub_name)) end)
teardown(function() conn:close() end)

describe("a namespace", function()
  local ns
  before_each(function() ns = assert(conn:Namespace()) end)
  after_each(function() ns:_close() end)

  it("has attributes", function()
    ns.x = 1
    ns.y = {a = {2.0}}
    ns.z = false
    assert.same({1, {a = {2.0}}, false}, {ns.x, ns.y, ns.z})
    assert.equal("float", math.type(ns.y.a[1]))
    assert.equal(3, #ns)
    ns.x = nil
    assert.is_nil(ns.x)
    ns.x = nil -- as in a table
    assert.equal(2, #ns)
    ns.null = ipc.null
    assert.equal(ipc.null, ns.null)
    ns["two words"] = "too"
    assert.equal("too", ns["two words"])
  end)

  it("has no names that are taken: those of the handle begin with an underscore", function()
    for _, name in ipairs {"close", "share", "name", "get", "set", "items", "length"} do
      assert.is_nil(ns[name])
      ns[name] = name
      assert.equal(name, ns[name])
    end
    assert.is_nil(ns:_name())
    assert.error_matches(function() return ns._hidden end, "the handle's own", 1, true)
    assert.error_matches(function() ns._close = 1 end, "the handle's own", 1, true)
    assert.error_matches(function() ns._close = nil end, "the handle's own", 1, true)
    for _, key in ipairs {1, 2.5, true, {}} do
      assert.error_matches(function() return ns[key] end, "an attribute's name is a string", 1, true)
      assert.error_matches(function() ns[key] = 1 end, "an attribute's name is a string", 1, true)
    end
    assert.error_matches(function() ns["\xff"] = 1 end, "UTF-8", 1, true)
    assert.error_matches(function() ns.f = print end, "type function cannot be sent", 1, true)
    local here = select(2, pcall(function() ns.f = print end))
    assert.matches("lua_namespace_spec.lua:%d+: ", here)
  end)

  it("has a dict's methods behind it", function()
    assert.is_true(ns:_update {a = 1, b = 2})
    assert.same({1, 6, true, 2}, {ns:_get("a"), ns:_incr("a", 5), ns:_has("b"), ns:_length()})
    fails("key", ns:_get("c"))
    assert.equal(7, ns:_get("c", 7))
    assert.is_true(ns:_set("_c", 3)) -- any name
    assert.equal(3, ns:_get("_c"))
    assert.is_true(ns:_compare_set("b", 2, ipc.absent))
    assert.is_nil(ns.b)
    assert.same({a = 6, _c = 3}, ns:_copy())
    fails("kind", ns:_set(1, 1))
    fails("kind", ns:_update {1, 2})
    local seen = {}
    for name, value in pairs(ns) do
      seen[name] = value
    end
    assert.same({a = 6, _c = 3}, seen)
    for name in ns:_items() do
      ns:_delete(name)
    end
    assert.equal(0, #ns)
  end)

  it("raises what goes wrong", function()
    ns.x = 1
    ns:_close()
    assert.error_matches(function() return ns.x end, "closed", 1, true)
    assert.error_matches(function() ns.x = 2 end, "closed", 1, true)
    assert.error_matches(function() ns.x = nil end, "closed", 1, true)
    assert.error_matches(function() return pairs(ns) end, "closed", 1, true)
    fails("closed", ns:_get("x"))
  end)

  it("is no dict", function()
    local name = fresh "names"
    local mine <close> = assert(conn:Namespace(name))
    fails("type", conn:Dict(name))
    assert.equal("ipc.Namespace: " .. name, tostring(mine))
    local dict <close> = assert(conn:Dict(fresh "dict"))
    fails("type", conn:Namespace(dict:name()))
  end)

  it("holds handles, and is held", function()
    ns.list = assert(conn:List())
    ns.list:append(ns)
    ns.list[1].through = "the list"
    assert.equal("the list", ns.through)
    ns.list = nil
  end)

  it("is shared with Python, which has the same rule of the underscore", function()
    if not spec.python() then
      return pending("no Python here that has libipc")
    end
    local name = fresh "names"
    local mine <close> = assert(conn:Namespace(name))
    mine.lua = {1, "two"}
    mine.close = "an attribute"
    spec.run_python(hub_name, name, [==[
ns = conn.Namespace(name)
assert ns.lua == [1, "two"] and ns.close == "an attribute"
ns.python = 2.0
ns.made = conn.Namespace()
ns.made.inner = None
del ns.lua
assert ns._incr("count", 3) == 3
]==])
    assert.same({2.0, 3, ipc.null}, {mine.python, mine.count, mine.made.inner})
    assert.equal("float", math.type(mine.python))
    assert.is_nil(mine.lua)
  end)
end)
