-- Batches, confirmed puts and shutdown in Lua, against a hub of their own.
-- Touches the hub that the first connection starts in the test's run directory, and hubs on threads.
-- Locks nothing.

local ipc = require "libipc"
local spec = require "spec"

local PATIENCE, fresh, fails = spec.PATIENCE, spec.fresh, spec.fails

local conn

setup(function() conn = assert(ipc.connect(fresh "hub")) end)
teardown(function() conn:close() end)

local function queue(options)
  return assert(conn:Queue(fresh "queue", options))
end

local function numbers(from, to)
  local all = {}
  for i = from, to do
    all[#all + 1] = i
  end
  return all
end

-- What get_many gives until there are so many. It takes what has come, which need not be all at once.
local function collect(get_many, q, n)
  local all = {}
  while #all < n do
    local some = assert(get_many(q, n - #all, PATIENCE))
    assert.is_true(#some >= 1 and #some <= n - #all)
    table.move(some, 1, #some, #all + 1, all)
  end
  return all
end

local function get_all(q, n)
  return collect(q.get_many, q, n)
end

describe("put_many", function()
  it("puts values in order", function()
    local q = queue()
    assert.equal(1000, q:put_many(numbers(1, 1000)))
    for i = 1, 1000 do
      assert.equal(i, q:get(PATIENCE))
    end
    fails("empty", q:get(0))
  end)

  it("puts values of all kinds and sizes, and none at all", function()
    local q = queue()
    local large = ("x"):rep(1 << 20)
    assert.equal(0, q:put_many {})
    assert.equal(4, q:put_many {{a = {1}}, ipc.null, large, ipc.bin "\xff"})
    assert.same({a = {1}}, q:get(PATIENCE))
    assert.equal(ipc.null, q:get(PATIENCE))
    assert.is_true(q:get(PATIENCE) == large)
    assert.equal("\xff", q:get(PATIENCE).data)
  end)

  it("says how many there was room for", function()
    local q = queue {maxsize = 3}
    assert.equal(3, fails("full", q:put_many(numbers(1, 5), 0)))
    assert.same({1, 2, 3}, get_all(q, 3))
    q:put_many({1, 2})
    assert.equal(1, fails("full", q:put_many(numbers(3, 5), 0.05)))
  end)

  it("puts nothing when one of them cannot be sent", function()
    local q = queue()
    assert.error_matches(function() q:put_many {1, {a = {2, print}}} end, "at [2].a[2]: a value of type", 1, true)
    for _, values in ipairs {{1, nil, 3}, {a = 1}, {1, [7] = 2}} do
      assert.error_matches(function() q:put_many(values) end, "a sequence of values is needed", 1, true)
    end
    assert.has_error(function() q:put_many(1) end)
    assert.has_error(function() q:put_many() end)
    assert.has_error(function() q:put_many({1}, -1) end)
    assert.error_matches(function() q.put_many(conn, {1}) end, "ipc.Queue expected", 1, true)
    fails("empty", q:get(0))
  end)
end)

describe("get_many", function()
  it("takes what is there, and no more than asked for", function()
    local q = queue()
    q:put_many(numbers(1, 1000))
    local got, calls = {}, 0
    while #got < 1000 do
      local some = assert(q:get_many(100, PATIENCE))
      assert.is_true(#some >= 1 and #some <= 100)
      table.move(some, 1, #some, #got + 1, got)
      calls = calls + 1
    end
    assert.same(numbers(1, 1000), got)
    assert.is_true(calls < 1000, "they all came one by one")
    q:put_many {1, 2}
    assert.same({1}, q:get_many(1))
    assert.equal(2, q:get(PATIENCE))
    fails("empty", q:get_many(100, 0))
    fails("empty", q:get_many(1, 0.05))
  end)

  it("wants a number", function()
    local q = queue()
    for _, max in ipairs {0, -1, 1.5, "many", {}} do
      assert.has_error(function() q:get_many(max, 0) end)
    end
    assert.has_error(function() q:get_many() end)
    assert.error_matches(function() q.get_many(conn, 1) end, "ipc.Queue expected", 1, true)
    q:put(1)
    assert.same({1}, q:get_many(math.maxinteger, PATIENCE))
  end)

  it("leaves out what Lua cannot hold, and says so", function()
    local path = os.tmpname()
    local file <close> = assert(io.open(path, "w"))
    file:write("1\n18446744073709551615\n2\n99999999999999999999\n18446744073709551614\n3\n")
    file:flush()
    local shared = assert(conn:Queue(fresh "uint"))
    assert.is_true(os.execute(("ipc put -a %s %s < %s"):format(conn:address(), shared:name(), path)))
    os.remove(path)
    local all, problems = {}, {}
    while #all < 4 do
      local some, code, detail = shared:get_many(6, PATIENCE)
      assert.equal("table", type(some))
      table.move(some, 1, #some, #all + 1, all)
      if code then
        assert.equal("format", code)
        problems[#problems + 1] = detail
      end
    end
    assert.same({1, 2, 3}, {all[1], all[2], all[4]})
    assert.equal(ipc.ext, getmetatable(all[3])) -- what is larger still is opaque
    assert.truthy(problems[1]:find("18446744073709551615", 1, true))
    fails("empty", shared:get(0))
  end)

  it("takes large values", function()
    local q = queue()
    local large = ("y"):rep(300 * 1024)
    q:put_many {large, large}
    local got = get_all(q, 2)
    assert.is_true(got[1] == large and got[2] == large)
  end)

  it("takes from joinable queues, to be finished one by one", function()
    local jobs = assert(conn:JoinableQueue())
    jobs:put_many {1, 2}
    for _ = 1, #get_all(jobs, 2) do
      assert.is_true(jobs:task_done())
    end
    assert.is_true(jobs:join(PATIENCE))
  end)
end)

describe("take_many", function()
  it("gives items", function()
    local jobs = assert(conn:JoinableQueue())
    jobs:put_many {"a", "b", "c"}
    local items = collect(jobs.take_many, jobs, 3)
    assert.equal(3, #items)
    for i, item in ipairs(items) do
      assert.equal(("abc"):sub(i, i), item.value)
      assert.equal(1, item.attempt)
      assert.equal(jobs, item.queue)
    end
    items[2]:release()
    items[1]:done()
    items[3]:done()
    fails("timeout", jobs:join(0))
    local again <close> = assert(jobs:take(PATIENCE))
    assert.equal("b", again.value)
    assert.equal(2, again.attempt)
  end)

  it("says that there is nothing", function()
    fails("empty", queue():take_many(3, 0))
  end)
end)

describe("a confirmed put", function()
  it("is the hub's when it returns", function()
    local q = queue()
    assert.is_true(q:put(1, nil, true))
    assert.is_true(q:put(2, PATIENCE, true))
    assert.is_true(q:put(3, PATIENCE, false))
    assert.same({1, 2, 3}, get_all(q, 3))
  end)

  it("returns its own failure", function()
    local q = queue {maxsize = 1}
    assert.is_true(q:put(1, 0, true))
    fails("full", q:put(2, 0, true))
    fails("full", q:put(2, 0.05, true))
    q:shutdown()
    fails("shutdown", q:put(2, 0, true))
    assert.has_error(function() q:put(2, 0, 1) end)
    assert.has_error(function() q:put(2, 0, {confirm = true}) end)
  end)
end)

describe("a shutdown", function()
  it("ends puts at once, and gets when all is taken", function()
    local q = queue()
    q:put(1)
    assert.is_true(q:shutdown())
    fails("shutdown", q:put(2))
    assert.equal(0, fails("shutdown", q:put_many {2, 3}))
    assert.equal(1, q:get(PATIENCE))
    fails("shutdown", q:get())
    fails("shutdown", q:get_many(3))
    fails("shutdown", q:take())
    assert.is_true(q:shutdown())
  end)

  it("can be immediate", function()
    local jobs = assert(conn:JoinableQueue())
    jobs:put_many {1, 2}
    assert.is_true(jobs:shutdown(true))
    fails("shutdown", jobs:get())
    assert.is_true(jobs:join(PATIENCE))
    assert.has_error(function() jobs:shutdown("now") end)
  end)

  it("ends loops", function()
    for _, open in ipairs {conn.Queue, conn.JoinableQueue} do
      local q = assert(open(conn))
      q:put_many {1, 2, 3}
      q:shutdown()
      local turns = 0
      for each in q:items() do
        turns = turns + 1
        if open == conn.JoinableQueue then
          each:done()
        end
      end
      assert.equal(3, turns)
    end
  end)

  it("wakes those who wait", function()
    local name = fresh "waking"
    local q, ready = assert(conn:Queue(name)), assert(conn:Queue(name .. "-ready"))
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write [[
      local conn = require "libipc".connect(arg[1])
      conn:Queue(arg[2] .. "-ready"):put("ready")
      local value, code = conn:Queue(arg[2]):get()
      print(value, code)
    ]]
    file:close()
    local pipe = assert(io.popen(("lua5.4 %s %s %s 2>&1"):format(path, conn:address(), name)))
    assert.equal("ready", ready:get(PATIENCE))
    for _ = 1, PATIENCE / 0.01 do
      if assert(conn:info(name)).state.gets_waiting == 1 then
        break
      end
      ready:get(0.01)
    end
    q:shutdown()
    assert.equal("nil\tshutdown\n", pipe:read("a"))
    pipe:close()
    os.remove(path)
  end)
end)
