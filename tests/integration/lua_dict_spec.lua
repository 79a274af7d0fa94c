-- Dicts in Lua, and what all containers have in common, against a hub of their own.
-- Touches hubs in the test's run directory, and Lua and Python programs that it starts.
-- Locks nothing.

local ipc = require "libipc"
local spec = require "spec"

local PATIENCE, fresh, fails = spec.PATIENCE, spec.fresh, spec.fails
local BIG = ("x"):rep(3 * 1024 * 1024)

local hub_name = fresh "hub"
local conn, pause

setup(function()
  conn = assert(ipc.connect(hub_name))
  pause = assert(conn:Queue())
end)
teardown(function() conn:close() end)

local function objects()
  return assert(conn:stat()).objects
end

-- Until the hub has as many objects as it had; what the collector has still in hand would count.
local function await_objects(expected)
  spec.await(pause, function()
    collectgarbage()
    return objects() == expected
  end, function() return ("there are %d objects, not %d"):format(objects(), expected) end)
end

-- ---- what all have ----

local CLASSES = {
  Dict = {}, List = {}, Namespace = {}, Value = {typecode = "q"}, Array = {typecode = "d", length = 2},
}

-- A method, which of a namespace has an underscore before its name.
local function method(handle, name)
  return getmetatable(handle).__name == "ipc.Namespace" and handle["_" .. name] or handle[name]
end

-- Something to ask of each that reaches the hub.
local function look(handle)
  return (method(handle, "copy") or handle.get)(handle)
end

for class, options in pairs(CLASSES) do
  describe("a handle on " .. class, function()
    local function with(more)
      local all = {}
      for _, each in ipairs {options, more} do
        for key, value in pairs(each) do
          all[key] = value
        end
      end
      return all
    end

    it("is met by name", function()
      local name = fresh "named"
      local first <close> = assert(conn[class](conn, name, options))
      local second <close> = assert(conn[class](conn, with {name = name, mode = "attach"}))
      assert.equal(name, method(second, "name")(second))
      assert.matches("^ipc%." .. class .. ": " .. name:gsub("%p", "%%%0"), tostring(first))
      fails("exist", conn[class](conn, name, with {mode = "create"}))
      fails("noent", conn[class](conn, fresh "nothing", with {mode = "attach"}))
      assert.is_not_nil(look(first))
    end)

    it("is of one type", function()
      local name = fresh "other"
      local queue <close> = assert(conn:Queue(name))
      assert.equal(name, queue:name())
      fails("type", conn[class](conn, name, options))
    end)

    it("needs no name, and has a ticket", function()
      local handle <close> = assert(conn[class](conn, options))
      assert.is_nil(method(handle, "name")(handle))
      assert.matches("unnamed", tostring(handle), 1, true)
      for _, attach in ipairs {function(ticket) return conn:attach(ticket) end, ipc.attach} do
        local same <close> = assert(attach(assert(method(handle, "share")(handle))))
        assert.equal(getmetatable(handle), getmetatable(same))
        assert.equal(tostring(handle), tostring(same))
        assert.is_not_nil(look(same))
      end
    end)

    it("closes with its scope, and by the collector", function()
      local kept
      do
        local handle <close> = assert(conn[class](conn, options))
        kept = handle
      end
      fails("closed", look(kept))
      method(kept, "close")(kept)
      kept = nil -- luacheck: ignore
      await_objects(objects())
      local before = objects()
      assert(conn[class](conn, options))
      await_objects(before)
    end)

    it("says that its object was deleted, or its hub lost", function()
      local name = fresh "deleted"
      local handle <close> = assert(conn[class](conn, name, options))
      assert(conn:unlink(name))
      fails("deleted", look(handle))
      local hub <close> = assert(ipc.hub("inproc://" .. fresh "hub"))
      local mine = assert(ipc.connect(hub:address()))
      local theirs = assert(mine[class](mine, "x", options))
      assert.is_not_nil(look(theirs))
      hub:stop()
      fails("lost", look(theirs))
    end)

    it("is had on the default connection, too", function()
      local handle <close> = assert(ipc[class](options))
      assert.is_not_nil(look(handle))
    end)

    it("is told from mistakes", function()
      assert.error_matches(function() conn[class](conn, with {maxsize = 1}) end, "no option maxsize", 1, true)
      assert.error_matches(function() conn[class](conn, with {mode = "x"}) end, "the option mode is one of", 1, true)
      assert.has_error(function() conn[class](conn, 7) end)
      local handle <close> = assert(conn[class](conn, options))
      local stranger <close> = assert(conn:Queue())
      assert.error_matches(function() method(handle, "share")(stranger) end, "expected", 1, true)
      local ask = method(handle, "copy") or handle.get
      for _, wrong in ipairs {stranger, {}, 7} do
        assert.error_matches(function() ask(wrong) end, "expected", 1, true)
      end
    end)

    it("is a value, which comes back alive and keeps its object", function()
      local before = objects()
      do
        local dict <close> = assert(conn:Dict())
        do
          local handle <close> = assert(conn[class](conn, options))
          assert.is_true(dict:set("one", {deep = {handle}}))
        end
        collectgarbage()
        local back <close> = assert(dict:get("one")).deep[1]
        assert.equal("ipc." .. class, getmetatable(back).__name)
        assert.is_not_nil(look(back))
        local list <close> = assert(conn:List())
        assert(list:append(back))
        assert.equal(getmetatable(back), getmetatable(list[1]))
      end
      await_objects(before)
    end)
  end)
end

-- ---- dicts ----

describe("a dict", function()
  local dict
  before_each(function() dict = assert(conn:Dict()) end)
  after_each(function() dict:close() end)

  it("has values under keys", function()
    assert.is_true(dict:set("a", 1))
    assert.is_true(dict:set("b", {1, {x = "y"}}))
    assert.equal(1, dict:get("a"))
    assert.same({1, {x = "y"}}, dict:get("b"))
    assert.same({true, false}, {dict:has("a"), dict:has("c")})
    assert.same({2, 2}, {dict:length(), #dict})
    assert.is_true(dict:delete("a"))
    fails("key", dict:get("a"))
    fails("key", dict:delete("a"))
    assert.is_true(dict:clear())
    assert.equal(0, #dict)
  end)

  it("tells null from nothing", function()
    dict:set("null", nil)
    dict:set("null too", ipc.null)
    assert.equal(ipc.null, dict:get("null"))
    assert.equal(ipc.null, dict:get("null too", 7))
    assert.equal(2, #dict)
    assert.equal(7, dict:get("nothing", 7))
    assert.is_false(dict:get("nothing", false))
    assert.equal(ipc.null, dict:get("nothing", ipc.null))
    fails("key", dict:get("nothing", nil))
    assert.error_matches(function() dict:set("value") end, "bad argument #2 to 'set' (value expected)", 1, true)
    assert.error_matches(function() dict:get() end, "bad argument #1 to 'get' (value expected)", 1, true)
  end)

  it("has keys of every kind of scalar; those that are equal are one", function()
    local keys = {"text", 7, 2.5, false, ipc.bin("\xff"), ipc.timestamp(1, 2), ipc.null}
    for i, key in ipairs(keys) do
      dict:set(key, i)
    end
    for i, key in ipairs(keys) do
      assert.equal(i, dict:get(key))
    end
    assert.same(keys, dict:keys())
    dict:set(1, "integer")
    dict:set(1.0, "float")
    dict:set(true, "boolean")
    assert.equal("boolean", dict:get(1))
    assert.equal(#keys + 1, #dict)
    fails("kind", dict:set(0 / 0, 1))
    fails("kind", dict:get({}))
  end)

  it("keeps numbers as they are", function()
    for _, number in ipairs {math.maxinteger, math.mininteger, 3.0, -0.0, 1e308, math.huge} do
      dict:set("n", number)
      local back = dict:get("n")
      assert.equal(math.type(number), math.type(back))
      assert.equal(("%q"):format(number), ("%q"):format(back))
    end
  end)

  it("is looked through as it was", function()
    dict:update {one = 1}
    dict:set("two", 2)
    dict:set("three", ipc.null)
    local seen = {}
    for key, value in dict:items() do
      dict:delete(key)
      seen[#seen + 1] = {key, value}
    end
    assert.same({{"one", 1}, {"two", 2}, {"three", ipc.null}}, seen)
    assert.equal(0, #dict)
    for _ in dict:items() do
      error("there is nothing")
    end
    dict:set("four", 4)
    for key, value in pairs(dict) do
      assert.same({"four", 4}, {key, value})
    end
    assert.same({{"four"}, {4}, {four = 4}}, {dict:keys(), dict:values(), dict:copy()})
    dict:close()
    assert.matches("lua_dict_spec.lua:%d+: .*closed", select(2, pcall(function() dict:items() end)))
    assert.error_matches(function() return pairs(dict) end, "closed", 1, true)
    assert.error_matches(function() return #dict end, "closed", 1, true)
  end)

  it("gives values up", function()
    dict:update {a = 1}
    dict:set("b", 2)
    assert.equal(1, dict:pop("a"))
    fails("key", dict:pop("a"))
    assert.equal("none", dict:pop("a", "none"))
    dict:set("c", 3)
    assert.same({"c", 3}, {dict:pop_item()})
    assert.same({"b", 2}, {dict:pop_item()})
    fails("key", dict:pop_item())
  end)

  it("takes several at once", function()
    assert.is_true(dict:set_many {a = 1, b = 2})
    assert.is_true(dict:update {"x", "y"}) -- keys 1 and 2
    assert.is_true(dict:update {})
    assert.equal(4, #dict)
    assert.same({1, ipc.null, "y"}, dict:get_many {"a", "c", 2})
    assert.same({1, 0}, dict:get_many({"a", "c"}, 0))
    assert.same({}, dict:get_many {})
    assert.same({1, 5, 5}, {dict:set_default("a", 9), dict:set_default("new", 5), dict:get("new")})
    assert.error_matches(function() dict:update(7) end, "a table of keys and values", 1, true)
    assert.error_matches(function() dict:update(ipc.array {}) end, "a table of keys and values", 1, true)
    assert.error_matches(function() dict:get_many {a = 1} end, "a sequence of values is needed", 1, true)
  end)

  it("counts", function()
    assert.same({1, 6, 5, 15}, {dict:incr("n"), dict:incr("n", 5), dict:incr("n", -1), dict:incr("from", 5, 10)})
    assert.equal("integer", math.type(dict:get("n")))
    assert.equal(5.5, dict:incr("n", 0.5))
    dict:set("top", math.maxinteger)
    fails("range", dict:incr("top"))
    assert.equal(math.maxinteger, dict:get("top"))
    dict:set("text", "7")
    fails("kind", dict:incr("text"))
    assert.error_matches(function() dict:incr("n", "1") end, "number expected", 1, true)
  end)

  it("compares and sets", function()
    assert.is_true(dict:compare_set("k", ipc.absent, {1}))
    assert.is_false(dict:compare_set("k", ipc.absent, 2))
    assert.is_false(dict:compare_set("k", nil, 2)) -- nil is null
    assert.is_true(dict:compare_set("k", {1.0}, nil))
    assert.equal(ipc.null, dict:get("k"))
    assert.is_true(dict:compare_set("k", ipc.null, ipc.absent))
    assert.is_false(dict:has("k"))
    assert.error_matches(function() dict:set("k", ipc.absent) end, "light userdata cannot be sent", 1, true)
  end)

  it("holds large values", function()
    assert(dict:set("big", BIG))
    assert(dict:set("bytes", ipc.bin(BIG)))
    assert.is_true(dict:get("big") == BIG)
    assert.is_true(dict:get("bytes").data == BIG)
    assert.is_true(dict:pop("big") == BIG)
  end)

  it("refuses what cannot be stored, in words, and stays as it was", function()
    dict:set("k", 1)
    for _, wrong in ipairs {{print, "type function"}, {conn, "type ipc.Conn"}, {"\xff", "UTF-8"}} do
      local message = select(2, pcall(function() dict:set("k", {wrong[1]}) end))
      assert.matches("lua_dict_spec.lua:%d+: bad argument #2 to 'set' %(at %[1%]: ", message)
      assert.matches(wrong[2], message, 1, true)
    end
    local a, b = conn:Pipe()
    assert.error_matches(function() dict:set("k", a) end, "type ipc.Pipe cannot be sent or stored", 1, true)
    b:close()
    assert.equal(1, dict:get("k"))
    local round = {}
    round[1] = round
    assert.error_matches(function() dict:set("k", round) end, "nested deeper than", 1, true)
  end)
end)

-- ---- handles in it ----

describe("a handle in a dict", function()
  local dict
  before_each(function() dict = assert(conn:Dict()) end)
  after_each(function() dict:close() end)

  it("may be on anything but a pipe's end", function()
    local made = {
      Queue = conn:Queue(), JoinableQueue = conn:JoinableQueue(), Lock = conn:Lock(), Semaphore = conn:Semaphore(),
      Event = conn:Event(), Condition = conn:Condition(), Barrier = conn:Barrier {parties = 2},
    }
    assert(dict:update(made))
    local back = assert(dict:copy())
    for class, handle in pairs(made) do
      assert.equal("ipc." .. class, getmetatable(back[class]).__name)
      assert.equal(tostring(handle), tostring(back[class]))
    end
    made.Queue:put("through another handle")
    assert.equal("through another handle", back.Queue:get(PATIENCE))
    made.Event:set()
    assert.is_true(back.Event:is_set())
    dict:set("recursive", assert(conn:RLock()))
    assert.is_true(dict:get("recursive"):recursive())
    for _, value in dict:items() do
      assert.equal("userdata", type(value))
    end
  end)

  it("is no value for queues and pipes", function()
    local queue <close> = assert(conn:Queue())
    assert.error_matches(function() queue:put({list = {dict}}) end,
      "at .list[1]: a value of type ipc.Dict cannot be sent: what its share() gives can", 1, true)
    assert(queue:put(dict:share()))
    dict:set("here", true)
    local same <close> = assert(conn:attach(queue:get(PATIENCE)))
    assert.is_true(same:get("here"))
  end)

  it("comes back where the container came by a ticket", function()
    dict:set("inner", assert(conn:List {name = fresh "inner"}))
    local same <close> = assert(ipc.attach(dict:share()))
    assert.is_true(same:get("inner"):append("there"))
    assert.equal("there", dict:get("inner")[1])
  end)

  it("is found among many", function()
    local inner <close> = assert(conn:Dict())
    local many = {}
    for i = 1, 100 do
      many[i] = {("filler"):rep(20), inner}
    end
    assert(dict:set("many", many))
    local back = assert(dict:get("many"))
    assert.is_true(back[100][2]:set("k", 1))
    assert.equal(1, inner:get("k"))
  end)

  it("is opaque when its object is gone", function()
    local name = fresh "gone"
    local inner = assert(conn:Dict(name))
    assert(dict:set("inner", {inner}))
    assert(conn:unlink(name))
    inner:close()
    local back = assert(dict:get("inner"))[1]
    assert.equal(ipc.ext, getmetatable(back))
    assert.equal(66, back.type)
    fails("noent", dict:set("again", back))
    fails("deleted", (function() -- the handle that is there says more
      local other_name = fresh "gone"
      local other = assert(conn:Dict(other_name))
      assert(conn:unlink(other_name))
      return dict:set("again", other)
    end)())
    assert.is_false(dict:has("again"))
    inner:close()
    fails("closed", dict:set("again", {inner, inner}))
  end)

  it("of another hub is refused", function()
    local hub <close> = assert(ipc.hub("inproc://" .. fresh "hub"))
    local other <close> = assert(ipc.connect(hub:address()))
    fails("noent", dict:set("k", assert(other:Dict())))
  end)

  it("goes with what nobody can reach any more, even in a circle", function()
    collectgarbage()
    collectgarbage()
    local before = objects()
    do
      local a <close> = assert(conn:Dict())
      local b <close> = assert(conn:List())
      a:set("b", b)
      b:append({a = a})
      a:set("a", a)
      assert.equal(before + 2, objects())
    end
    await_objects(before)
  end)
end)

-- ---- with others ----

describe("programs on a dict", function()
  it("meet on its name, and none of their steps is lost", function()
    local name = fresh "dict"
    local dict <close> = assert(conn:Dict(name))
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write [[
      local ipc = require "libipc"
      local conn <close> = assert(ipc.connect(arg[1]))
      local dict = assert(conn:Dict(arg[2], {mode = "attach"}))
      for _ = 1, 500 do assert(dict:incr("count")) end
      local hits = 0
      while hits < 50 do
        local old = dict:get("swapped", 0)
        if dict:compare_set("swapped", old == 0 and ipc.absent or old, old + 1) then hits = hits + 1 end
      end
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
    assert.same({1500, 150}, {dict:get("count"), dict:get("swapped")})
  end)

  it("are of both languages", function()
    if not spec.python() then
      return pending("no Python here that has libipc")
    end
    local name = fresh "dict"
    local dict <close> = assert(conn:Dict(name))
    dict:update {lua = {1, 2.0, "three", ipc.null}, bytes = ipc.bin "\xff", list = assert(conn:List()), count = 1}
    spec.run_python(hub_name, name, [==[
d = conn.Dict(name)
assert d["lua"] == [1, 2.0, "three", None] and isinstance(d["lua"][1], float), d["lua"]
assert d["bytes"] == b"\xff"
d["list"].append("from python")
d["python"] = {"deep": [1, None, 2.5, b"b"]}
d["mine"] = conn.Dict()
d["mine"]["k"] = d["list"]
d["large"] = 2**64 - 1
d[3] = "three"
]==])
    assert.equal("from python", dict:get("list")[1])
    assert.same({deep = {1, ipc.null, 2.5, ipc.bin "b"}}, dict:get("python"))
    assert.equal("from python", dict:get("mine"):get("k")[1])
    assert.equal("three", dict:get(3))
    local detail = select(3, dict:get("large"))
    fails("format", dict:get("large"))
    assert.matches("larger than Lua can hold", detail, 1, true)
    fails("range", dict:incr("large"))
    assert.error_matches(function() dict:items() end, "larger than Lua can hold", 1, true)
    assert.is_true(dict:delete("large"))
  end)
end)
