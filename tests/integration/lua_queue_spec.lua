-- Queues and joinable queues in Lua, against a hub of their own.
-- Touches the hub that the first connection starts in the test's run directory.
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

local function joinable(options)
  return assert(conn:JoinableQueue(fresh "jobs", options))
end

describe("a queue", function()
  it("gives what was put, in order", function()
    local q = queue()
    for i = 1, 1000 do
      assert.is_true(q:put(i))
    end
    for i = 1, 1000 do
      assert.equal(i, q:get(PATIENCE))
    end
  end)

  it("carries values of all kinds", function()
    local q = queue()
    q:put({id = 7, path = "a.png", blob = ipc.bin "\xff", at = ipc.timestamp(5, 6), none = ipc.null})
    local value = assert(q:get(PATIENCE))
    assert.equal(7, value.id)
    assert.equal("a.png", value.path)
    assert.equal("\xff", value.blob.data)
    assert.is_true(value.at == ipc.timestamp(5, 6))
    assert.equal(ipc.null, value.none)
  end)

  it("carries large values", function()
    local q = queue()
    local large = ("0123456789abcdef"):rep(1 << 18) -- 4 MiB
    q:put(large)
    q:put({ipc.bin(large), large})
    assert.is_true(q:get(PATIENCE) == large)
    local both = q:get(PATIENCE)
    assert.is_true(both[1].data == large and both[2] == large)
  end)

  it("tells a null from a failure", function()
    local q = queue()
    q:put(nil)
    q:put(ipc.null)
    q:put(false)
    assert.equal(ipc.null, q:get(PATIENCE))
    assert.equal(ipc.null, q:get(PATIENCE))
    assert.is_false(q:get(PATIENCE))
    fails("empty", q:get(0))
  end)

  it("must be given a value", function()
    local q = queue()
    assert.has_error(function() q:put() end)
    assert.has_error(function() q:put(1, 2, 3) end)
  end)

  it("is empty at once, or after a while", function()
    local q = queue()
    fails("empty", q:get_nowait())
    fails("empty", q:get(0))
    fails("empty", q:get(0.05))
    fails("empty", q:take(0))
  end)

  it("is full", function()
    local q = queue {maxsize = 2}
    assert.is_false(q:full())
    assert.is_true(q:put_nowait(1))
    assert.is_true(q:put(2, PATIENCE))
    assert.is_true(q:full())
    fails("full", q:put_nowait(3))
    fails("full", q:put(3, 0.05))
    assert.equal(1, q:get(PATIENCE))
    assert.is_true(q:put(3, PATIENCE))
  end)

  it("counts what it holds", function()
    local q = queue()
    assert.equal(0, q:qsize())
    assert.is_true(q:empty())
    q:put("a")
    q:put("b")
    assert.equal("integer", math.type(q:qsize()))
    assert.equal(2, q:qsize())
    assert.is_false(q:empty())
    assert.is_true(q:flush(PATIENCE))
  end)

  it("is one queue under one name", function()
    local name = fresh "shared"
    local one, two = assert(conn:Queue(name)), assert(conn:Queue(name))
    one:put("x")
    assert.equal("x", two:get(PATIENCE))
    assert.equal(name, two:name())
  end)

  it("needs no name", function()
    local q = assert(conn:Queue {maxsize = 1})
    assert.is_nil(q:name())
    q:put(1)
    fails("full", q:put_nowait(2))
  end)

  it("is created or attached to", function()
    local name = fresh "mode"
    fails("noent", conn:Queue(name, {mode = "attach"}))
    local q <close> = assert(conn:Queue(name, {mode = "create"}))
    fails("exist", conn:Queue(name, {mode = "create"}))
    local other <close> = assert(conn:Queue(name, {mode = "attach"}))
    q:put(1)
    assert.equal(1, other:get(PATIENCE))
  end)

  it("has options of its first opener", function()
    local name = fresh "options"
    local q <close> = assert(conn:Queue(name, {maxsize = 3}))
    assert.equal(0, q:qsize())
    fails("options", conn:Queue(name, {maxsize = 4}))
    fails("options", conn:JoinableQueue(name))
    fails("type", conn:Pipe(name))
  end)

  it("is told from a mistake in its options", function()
    assert.error_matches(function() conn:Queue("x", {maxsiz = 3}) end, "no option maxsiz of type number", 1, true)
    assert.error_matches(function() conn:Queue("x", {maxsize = "3"}) end, "no option maxsize of type string", 1, true)
    assert.error_matches(function() conn:Queue("x", {mode = "new"}) end, 'one of "attach", "create", "either"', 1, true)
    assert.has_error(function() conn:Queue("x", {maxsize = -1}) end)
    assert.has_error(function() conn:Queue("x", {maxsize = 1.5}) end)
    assert.has_error(function() conn:Queue(7) end)
    assert.error_matches(function() conn:Queue("a\0b") end, "zero byte", 1, true)
    local _, message = pcall(function() conn:Queue("x", {oops = 1}) end)
    assert.truthy(message:find("lua_queue_spec", 1, true), "the message does not say where the mistake is")
  end)

  it("refuses timeouts that are none", function()
    local q = queue()
    for _, timeout in ipairs {-1, 0 / 0, "1", {}, false} do
      assert.error_matches(function() q:get(timeout) end, "a timeout is a number of seconds", 1, true)
    end
    q:put(1)
    assert.equal(1, q:get(math.huge))
  end)

  it("refuses what cannot be sent, and goes on", function()
    local q = queue()
    assert.error_matches(function() q:put({1, {print}}) end, "at [2][1]: a value of type function", 1, true)
    assert.error_matches(function() q:put(q) end, "a value of type ipc.Queue cannot be sent", 1, true)
    q:put("next")
    assert.equal("next", q:get(PATIENCE))
  end)

  it("refuses to work as another's method", function()
    local q = queue()
    for _, self in ipairs {io.stdout, ipc.null, "q", {}, setmetatable({}, getmetatable(q)), conn, ipc.bin "x"} do
      assert.error_matches(function() q.put(self, 1) end, "ipc.Queue expected", 1, true)
    end
    assert.has_error(function() q.put() end)
    getmetatable(q).__gc(io.stdout)
    assert.equal("file", io.type(io.stdout))
  end)

  it("is deleted under its waiters", function()
    local name = fresh "doomed"
    local q = assert(conn:Queue(name))
    assert.is_true(conn:unlink(name))
    fails("deleted", q:get(PATIENCE))
    fails("noent", conn:unlink(name))
  end)

  it("prints its name", function()
    local name = fresh "printed"
    assert.equal("ipc.Queue: " .. name, tostring(conn:Queue(name)))
    assert.equal("ipc.JoinableQueue: (unnamed)", tostring(conn:JoinableQueue()))
  end)

  it("has no methods of a joinable one", function()
    local q = queue()
    assert.is_nil(q.task_done)
    assert.is_nil(q.join)
    local item <close> = (function() q:put(1) return q:take(PATIENCE) end)()
    assert.equal(1, item.value)
    assert.has_error(function() item:done() end)
    assert.has_error(function() item:release() end)
  end)

  it("shows among the hub's objects", function()
    local name = fresh "listed"
    local q <close> = assert(conn:Queue(name))
    q:put(1)
    q:flush(PATIENCE)
    local found
    for _, object in ipairs(assert(conn:list())) do
      found = object.name == name and object or found
    end
    assert.equal("queue", found.type)
    assert.equal(1, found.size)
  end)
end)

describe("a loop over a queue", function()
  it("gives values until nothing comes for so long", function()
    local q = queue()
    for _, value in ipairs {1, false, ipc.null, "x"} do
      q:put(value)
    end
    local got = {}
    for value in q:items(0.05) do
      got[#got + 1] = value
    end
    assert.same({1, false, ipc.null, "x"}, got)
  end)

  it("ends when the queue is deleted or closed", function()
    local name = fresh "loop"
    local q = assert(conn:Queue(name))
    q:put(1)
    local turns = 0
    for _ in q:items() do
      turns = turns + 1
      conn:unlink(name)
    end
    assert.equal(1, turns)
    q:close()
    for _ in q:items() do
      error("a closed queue gave something")
    end
  end)

  it("raises what is no end", function()
    local q = queue()
    assert.has_error(function()
      for _ in q:items(-1) do
        error("never here")
      end
    end)
  end)
end)

describe("a joinable queue", function()
  it("is done when all its items are", function()
    local jobs = joinable()
    for i = 1, 3 do
      jobs:put(i)
    end
    fails("timeout", jobs:join(0.05))
    local sum = 0
    for item in jobs:items(0.05) do
      assert.equal(1, item.attempt)
      assert.equal(jobs, item.queue)
      sum = sum + item.value
      assert.is_true(item:done())
    end
    assert.equal(6, sum)
    assert.is_true(jobs:join(PATIENCE))
  end)

  it("has get and task_done as well", function()
    local jobs = joinable()
    jobs:put("x")
    assert.equal("x", jobs:get(PATIENCE))
    assert.is_true(jobs:task_done())
    assert.is_true(jobs:join(PATIENCE))
    assert.error_matches(function() jobs:task_done() end, "task_done", 1, true)
  end)

  it("gives a released item again, with its attempt counted", function()
    local jobs = joinable()
    jobs:put("first")
    jobs:put("second")
    assert.is_true(assert(jobs:take(PATIENCE)):release())
    local attempts = {}
    for item in jobs:items(0.1) do
      attempts[item.value] = item.attempt
      item:done()
      item:done() -- a second time touches nothing
    end
    assert.same({first = 2, second = 1}, attempts)
    assert.is_true(jobs:join(PATIENCE))
  end)

  it("has items that are done when their scope ends, and go back when an error does", function()
    local jobs = joinable()
    jobs:put("work")
    assert.has_error(function()
      local item <close> = assert(jobs:take(PATIENCE))
      error("failed at " .. item.value)
    end)
    do
      local item <close> = assert(jobs:take(PATIENCE))
      assert.equal(2, item.attempt)
    end
    assert.is_true(jobs:join(PATIENCE))
  end)

  it("keeps an item's value: the same table each time", function()
    local jobs = joinable()
    jobs:put({1})
    local item = assert(jobs:take(PATIENCE))
    assert.equal(item.value, item.value)
    assert.equal("ipc.Item: attempt 1, of " .. tostring(jobs), tostring(item))
    assert.is_nil(item.other)
    assert.error_matches(function() item.done(jobs) end, "ipc.Item expected", 1, true)
    item:done()
  end)
end)

describe("a ticket", function()
  it("opens the same queue, joinable or not", function()
    for _, open in ipairs {conn.Queue, conn.JoinableQueue} do
      local q = assert(open(conn))
      local other = assert(conn:attach(ipc.unpack(ipc.pack(assert(q:share())))))
      assert.equal(getmetatable(q), getmetatable(other))
      q:put("x")
      assert.equal("x", other:get(PATIENCE))
      local third = assert(ipc.attach(q:share()))
      q:put("y")
      assert.equal("y", third:get(PATIENCE))
    end
  end)

  it("is told from what is none", function()
    fails("badmsg", conn:attach({"libipc"}))
    fails("badmsg", ipc.attach("x"))
  end)
end)

describe("the default connection", function()
  it("is this program's own", function()
    local q, jobs = assert(ipc.Queue()), assert(ipc.JoinableQueue("jobs"))
    local a, b = assert(ipc.Pipe())
    q:put(1)
    jobs:put(2)
    a:send(3)
    assert.equal(1, q:get(PATIENCE))
    assert.equal(2, jobs:get(PATIENCE))
    assert.equal(3, b:recv(PATIENCE))
    jobs:task_done()
  end)
end)
