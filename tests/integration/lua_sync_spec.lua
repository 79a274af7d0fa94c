-- Locks, semaphores, events, conditions and barriers in Lua, against a hub of their own.
-- Touches a hub in the test's run directory, and Lua and Python programs that it starts, and kills.
-- Locks what it tests, and nothing else.

local ipc = require "libipc"
local spec = require "spec"

local PATIENCE, fresh, fails = spec.PATIENCE, spec.fresh, spec.fails
local SHORT = 0.03

local hub_name = fresh "hub"
local conn, pause

setup(function()
  conn = assert(ipc.connect(hub_name))
  pause = assert(conn:Queue())
end)
teardown(function() conn:close() end)

-- ---- other programs ----

local Program = {}
Program.__index = Program

local function start_with(interpreter, text, name)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  local pipe = assert(io.popen(("echo $$; exec %s %s %s %s 2>&1"):format(interpreter, path, hub_name, name)))
  return setmetatable({path = path, pipe = pipe, pid = pipe:read("n", "l")}, Program)
end

-- Start one, which prints lines for expect(); name is that of the object it is about.
local function start(text, name)
  return start_with("lua5.4", [[
    local ipc = require "libipc"
    local conn = assert(ipc.connect(arg[1]))
    local name = arg[2]
    io.stdout:setvbuf("line")
    local function await_end() conn:Queue():get() end
  ]] .. text, name)
end

function Program:expect(line)
  assert.equal(line, self.pipe:read("l"))
end

-- Let it come to its end, or kill it.
function Program:finish()
  local rest = self.pipe:read("a")
  local _, how, code = self.pipe:close()
  os.remove(self.path)
  assert.same({"", "exit", 0}, {rest, how, code})
end

function Program:kill()
  os.execute(("kill -KILL %d"):format(self.pid))
  self.pipe:close()
  os.remove(self.path)
end

-- Until what the hub says of an object has this in it.
local function await(name, field, expected)
  local state
  for _ = 1, PATIENCE / 0.01 do
    state = assert(conn:info(name)).state
    if state[field] == expected then
      return
    end
    pause:get(0.01)
  end
  error(("%s of %s is still %s"):format(field, name, state[field]), 2)
end

-- ---- what all have ----

local CLASSES = {
  Lock = {}, RLock = {}, Semaphore = {}, BoundedSemaphore = {}, Event = {}, Condition = {}, Barrier = {parties = 2},
}

-- Something to ask of each that reaches the hub.
local function look(handle)
  local ask = handle.locked or handle.value or handle.is_set or handle.parties
  if ask then
    return ask(handle)
  end
  local fence, code, detail = handle:acquire(0)
  if fence then
    handle:release()
  end
  return fence, code, detail
end

for class, options in pairs(CLASSES) do
  describe("a handle on a " .. class, function()
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
      assert.equal(name, second:name())
      assert.matches("^ipc%.%a+: " .. name:gsub("%p", "%%%0"), tostring(first))
      fails("exist", conn[class](conn, name, with {mode = "create"}))
      fails("noent", conn[class](conn, fresh "nothing", with {mode = "attach"}))
      assert.is_not_nil(look(first))
    end)

    it("is of one type", function()
      local name = fresh "queue"
      local queue <close> = assert(conn:Queue(name))
      assert.equal(name, queue:name())
      fails("type", conn[class](conn, name, options))
    end)

    it("needs no name, and has a ticket", function()
      local handle <close> = assert(conn[class](conn, options))
      assert.is_nil(handle:name())
      assert.matches("unnamed", tostring(handle), 1, true)
      local same <close> = assert(conn:attach(assert(handle:share())))
      assert.equal(getmetatable(handle), getmetatable(same))
      assert.equal(tostring(handle), tostring(same))
      assert.is_not_nil(look(same))
    end)

    it("closes with its scope, and by itself", function()
      local kept
      do
        local handle <close> = assert(conn[class](conn, options))
        kept = handle
      end
      fails("closed", look(kept))
      kept:close()
      assert(conn[class](conn, options))
      collectgarbage()
      collectgarbage()
    end)

    it("says that its object was deleted", function()
      local name = fresh "deleted"
      local handle <close> = assert(conn[class](conn, name, options))
      assert(conn:unlink(name))
      fails("deleted", look(handle))
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
      assert.has_error(function() look(setmetatable({}, {__index = handle})) end)
      assert.error_matches(function() handle.share(stranger) end, "expected", 1, true)
      local wait = handle.acquire or handle.wait
      for _, timeout in ipairs {-1, "1", 0 / 0, {}} do
        assert.error_matches(function() wait(handle, timeout) end, "a timeout is a number of seconds", 1, true)
      end
    end)
  end)
end

-- ---- locks ----

describe("a lock", function()
  it("has one owner at a time", function()
    local name = fresh "lock"
    local mine <close> = assert(conn:Lock(name))
    local theirs <close> = assert(conn:Lock(name))
    assert.is_false(mine:recursive())
    local fence, abandoned = mine:acquire(PATIENCE)
    assert.equal("integer", math.type(fence))
    assert.is_false(abandoned)
    fails("timeout", theirs:acquire(0))
    fails("timeout", mine:acquire(SHORT)) -- the same thread: all the same
    assert.same({true, true}, {theirs:locked()})
    assert.is_true(theirs:release()) -- anybody may
    assert.same({false, false}, {theirs:locked()})
    assert.error_matches(function() mine:release() end, "not locked", 1, true)
    local next_fence = theirs:acquire()
    assert.is_true(next_fence > fence)
    assert.is_true(mine:release())
  end)

  it("that is recursive is acquired again by its owner, and released by that alone", function()
    local name = fresh "rlock"
    local lock <close> = assert(conn:RLock(name))
    assert.is_true(lock:recursive())
    assert.equal(("ipc.Lock: %s (recursive)"):format(name), tostring(lock))
    assert(lock:acquire(0))
    assert(lock:acquire(0))
    local other = start([[
      local lock = assert(conn:RLock(name))
      print(lock:acquire(0))
      print(lock:locked())
      print(pcall(lock.release, lock))
    ]], name)
    other:expect("nil\ttimeout\ttimed out")
    other:expect("true\tfalse")
    assert.matches("^false\t", other.pipe:read("l"))
    other:finish()
    assert.is_true(lock:release())
    assert.is_true(lock:release())
    assert.has_error(function() lock:release() end)
    fails("type", conn:Lock(name))
  end)

  it("goes to the next one when it is released, and tells of no death", function()
    local name = fresh "lock"
    local lock <close> = assert(conn:Lock(name))
    local fence = assert(lock:acquire())
    local other = start([[
      local lock = assert(conn:Lock(name))
      local fence, abandoned = lock:acquire(10)
      print(math.type(fence), abandoned)
      print(lock:release())
    ]], name)
    await(name, "waiting", 1)
    assert(lock:release())
    other:expect("integer\tfalse")
    other:expect("true")
    other:finish()
    assert.is_true(lock:acquire(PATIENCE) > fence + 1) -- there was one between
  end)

  for _, class in ipairs {"Lock", "RLock", "Condition"} do
    it(("(%s) of a dead owner goes to the next one, which is told, once"):format(class), function()
      local name = fresh "dead"
      local lock <close> = assert(conn[class](conn, name))
      local owner = start(([[
        local lock = assert(conn:%s(name))
        assert(lock:acquire())
        print("has it")
        await_end()
      ]]):format(class), name)
      owner:expect("has it")
      fails("timeout", lock:acquire(SHORT))
      owner:kill()
      local fence, abandoned = lock:acquire(PATIENCE)
      assert.equal("integer", math.type(fence))
      assert.is_true(abandoned)
      lock:release()
      assert.is_false(select(2, lock:acquire(0)))
    end)
  end

  it("of a session that failed, or ended, is abandoned, too", function()
    local name = fresh "ended"
    local lock <close> = assert(conn:Lock(name))
    for _, ending in ipairs {"close", "fail"} do
      local mine = assert(ipc.connect(hub_name))
      assert(mine:Lock(name):acquire(0))
      mine[ending](mine)
      assert.is_true(select(2, lock:acquire(PATIENCE)))
      assert(lock:release())
    end
  end)

  it("is not released by closing the handle", function()
    local name = fresh "kept"
    do
      local lock <close> = assert(conn:Lock(name))
      assert(lock:acquire())
    end
    local lock <close> = assert(conn:Lock(name))
    assert.same({true, true}, {lock:locked()})
    assert.is_true(lock:release())
  end)

  it("is held while a function runs", function()
    for _, class in ipairs {"Lock", "RLock", "Condition"} do
      local name = fresh "with"
      local lock <close> = assert(conn[class](conn, name))
      local function is_locked()
        return assert(conn:info(name)).state.locked
      end
      assert.same({n = 3, "one", nil, "three"}, table.pack(lock:with(function(fence, abandoned)
        assert.same({"integer", false, true}, {math.type(fence), abandoned, is_locked()})
        return "one", nil, "three"
      end)))
      assert.is_false(is_locked())
      assert.same({false, "on purpose"}, {pcall(lock.with, lock, function() error("on purpose", 0) end)})
      assert.is_false(is_locked())
      local inside = coroutine.create(function() lock:with(coroutine.yield) end)
      assert(coroutine.resume(inside))
      assert.is_true(is_locked())
      coroutine.close(inside)
      assert.is_false(is_locked())
    end
    local lock <close> = assert(conn:Lock())
    assert(lock:acquire())
    fails("timeout", lock:with(error, 0))
  end)

  it("excludes", function()
    local name, path = fresh "counter", os.tmpname()
    local file <close> = assert(io.open(path, "w"))
    file:write("0")
    file:flush()
    local program = ([[
      local lock, pause = assert(conn:Lock(name)), assert(conn:Queue())
      assert(conn:Barrier(name .. "-start", {parties = 3}):wait(10))
      for _ = 1, 30 do
        lock:with(function()
          local file = assert(io.open("%s", "r+"))
          local count = file:read("n")
          pause:get(0.001)
          file:seek("set")
          file:write(count + 1)
          file:close()
        end)
      end
    ]]):format(path)
    local others = {}
    for i = 1, 3 do
      others[i] = start(program, name)
    end
    for _, other in ipairs(others) do
      other:finish()
    end
    local result <close> = assert(io.open(path))
    os.remove(path)
    assert.equal(90, result:read("n"))
  end)
end)

-- ---- semaphores ----

describe("a semaphore", function()
  it("has permits", function()
    local permits <close> = assert(conn:Semaphore {value = 2})
    assert.is_true(permits:acquire())
    assert.is_true(permits:acquire(0))
    fails("timeout", permits:acquire(0))
    fails("timeout", permits:acquire(SHORT))
    assert.equal(0, permits:value())
    assert.is_true(permits:release())
    assert.is_true(permits:release(4))
    assert.equal(5, permits:value())
    assert.equal(4, permits:with(function() return permits:value() end))
    assert.equal(5, permits:value())
    for _, count in ipairs {0, -1, 1.5, "x", 1 << 32} do
      assert.has_error(function() permits:release(count) end)
    end
  end)

  it("has one permit at first, if nobody says otherwise", function()
    local one <close> = assert(conn:Semaphore())
    local none <close> = assert(conn:Semaphore {value = 0})
    assert.equal(1, one:value())
    assert.equal(0, none:value())
    local bounded <close> = assert(conn:BoundedSemaphore())
    assert.equal(1, bounded:value())
    assert.has_error(function() conn:Semaphore {value = -1} end)
    assert.has_error(function() conn:Semaphore {value = 1 << 31} end)
  end)

  it("is what was asked for, or as it is", function()
    local name = fresh "permits"
    local three <close> = assert(conn:Semaphore(name, {value = 3}))
    fails("options", conn:Semaphore(name, {value = 2}))
    fails("options", conn:BoundedSemaphore(name, {value = 3}))
    for _, mode in ipairs {"either", "attach"} do
      local same <close> = assert(conn:Semaphore(name, {mode = mode}))
      assert.equal(3, same:value())
    end
    assert(three:acquire())
    local equal <close> = assert(conn:Semaphore(name, {value = 3}))
    assert.equal(2, equal:value())
  end)

  it("that is bounded is not released too often", function()
    local permits <close> = assert(conn:BoundedSemaphore {value = 2})
    assert.error_matches(function() permits:release() end, "released too often", 1, true)
    assert(permits:acquire())
    assert.has_error(function() permits:release(2) end)
    assert.is_true(permits:release())
  end)

  it("has the permits of the dead back", function()
    local name = fresh "permits"
    local permits <close> = assert(conn:BoundedSemaphore(name, {value = 2}))
    local owner = start([[
      local permits = assert(conn:BoundedSemaphore(name, {value = 2}))
      assert(permits:acquire() and permits:acquire())
      print("has them")
      await_end()
    ]], name)
    owner:expect("has them")
    fails("timeout", permits:acquire(SHORT))
    owner:kill()
    assert.is_true(permits:acquire(PATIENCE))
    assert.is_true(permits:acquire(PATIENCE))
    fails("timeout", permits:acquire(0))
  end)
end)

-- ---- events ----

describe("an event", function()
  it("is set, and cleared", function()
    local event <close> = assert(conn:Event())
    assert.is_false(event:is_set())
    fails("timeout", event:wait(0))
    fails("timeout", event:wait(SHORT))
    assert.is_true(event:set())
    assert.is_true(event:is_set())
    assert.is_true(event:wait())
    assert.is_true(event:wait(0))
    assert.is_true(event:clear())
    assert.is_false(event:is_set())
  end)

  it("wakes all who wait", function()
    local name = fresh "event"
    local event <close> = assert(conn:Event(name))
    local others = {}
    for i = 1, 2 do
      others[i] = start("print(conn:Event(name):wait(10))", name)
    end
    await(name, "waiting", 2)
    event:set()
    for _, other in ipairs(others) do
      other:expect("true")
      other:finish()
    end
  end)
end)

-- ---- conditions ----

describe("a condition", function()
  it("has the lock that it is given, which others share", function()
    local lock <close> = assert(conn:Lock())
    local full <close> = assert(conn:Condition {lock = lock})
    local empty <close> = assert(conn:Condition {lock = lock})
    assert(full:acquire())
    assert.is_true((lock:locked()))
    assert.is_nil((empty:acquire(0)))
    assert.is_true(empty:notify())
    assert.is_false((empty:wait(0)))
    assert.is_true(lock:release())
    assert.has_error(function() full:wait(0) end)
    local event <close> = assert(conn:Event())
    assert.has_error(function() conn:Condition {lock = event} end)
  end)

  it("needs its lock", function()
    local condition <close> = assert(conn:Condition())
    for _, method in ipairs {"wait", "notify", "notify_all", "release"} do
      assert.has_error(function() condition[method](condition) end)
    end
    assert.error_matches(function() condition:notify(0) end, "notify_all", 1, true)
    assert.equal("integer", math.type(condition:acquire()))
    assert.is_true(condition:notify())
    assert.is_true(condition:notify_all())
    assert.is_true(condition:release())
  end)

  it("is waited for with its lock given up, and held again when it is late", function()
    local name = fresh "condition"
    local condition <close> = assert(conn:Condition(name))
    assert(condition:acquire())
    assert(condition:acquire())
    assert.same({false, false}, {condition:wait(SHORT)})
    assert.same({false, false}, {condition:wait(0)})
    assert.equal(2, assert(conn:info(name)).state.depth)
    assert.is_true(condition:release())
    assert.is_true(condition:release())
  end)

  it("notifies as many as it is told", function()
    local name = fresh "condition"
    local condition <close> = assert(conn:Condition(name))
    local others = {}
    for i = 1, 4 do
      others[i] = start([[
        local condition = assert(conn:Condition(name))
        print(condition:with(function() return condition:wait(10) end))
      ]], name)
      await(name, "waiting_for_notify", i)
    end
    local function notify(method, ...)
      assert(condition:acquire(PATIENCE))
      assert.is_true(condition[method](condition, ...))
      assert(condition:release())
    end
    for i, call in ipairs {{"notify"}, {"notify", 2}, {"notify_all"}} do
      notify(table.unpack(call))
      for j = ({1, 2, 4})[i], ({1, 3, 4})[i] do
        others[j]:expect("true\tfalse")
        others[j]:finish()
      end
      await(name, "waiting_for_notify", ({3, 1, 0})[i])
    end
  end)

  it("waits for a predicate", function()
    local name = fresh "condition"
    local condition <close> = assert(conn:Condition(name))
    local values <close> = assert(conn:Queue(name .. "-values"))
    local other = start([[
      local condition, values = assert(conn:Condition(name)), assert(conn:Queue(name .. "-values"))
      assert(condition:acquire())
      local asked = 0
      print(condition:wait_for(function() asked = asked + 1 return values:get(0) end, 10))
      print(asked)
    ]], name)
    for _, put in ipairs {false, true} do
      await(name, "waiting_for_notify", 1)
      assert(condition:acquire(PATIENCE))
      if put then
        assert(values:put("there", nil, true))
      end
      assert(condition:notify_all())
      assert(condition:release())
    end
    other:expect("there\tfalse")
    other:expect("3")
    other:finish()
  end)

  it("waits for a predicate no longer than it is told", function()
    local condition <close> = assert(conn:Condition())
    assert(condition:acquire())
    local asked = 0
    local function never()
      asked = asked + 1
    end
    assert.same({false, false}, {condition:wait_for(never, SHORT)})
    assert.equal(2, asked)
    assert.same({false, false}, {condition:wait_for(never, 0)})
    assert.equal(3, asked)
    assert.same({7, false}, {condition:wait_for(function() return 7 end, 0)})
    assert.same({7, false}, {condition:wait_for(function() return 7 end)})
    assert.error_matches(function() condition:wait_for(never, -1) end, "a timeout is", 1, true)
    assert.error_matches(function() condition:wait_for(function() error("in it") end) end, "in it", 1, true)
    condition:close()
    fails("closed", condition:wait_for(never))
  end)

  it("tells who waited of the owner that died", function()
    local name = fresh "condition"
    local condition <close> = assert(conn:Condition(name))
    assert(condition:acquire())
    local other = start([[
      local condition = assert(conn:Condition(name))
      assert(condition:acquire(10))
      assert(condition:notify())
      io.popen("kill -KILL $PPID"):close()
    ]], name)
    assert.same({true, true}, {condition:wait(PATIENCE)})
    assert.is_true(condition:release())
    other:kill()
  end)
end)

-- ---- barriers ----

describe("a barrier", function()
  it("lets all go at once, by their indices", function()
    local name = fresh "barrier"
    local barrier <close> = assert(conn:Barrier(name, {parties = 3}))
    local others = {}
    for i = 1, 2 do
      others[i] = start([[
        local barrier = assert(conn:Barrier(name))
        print(barrier:wait(10))
        print(barrier:wait(10) ~= nil)
      ]], name)
      await(name, "waiting", i)
    end
    assert.same({3, 2, false}, {barrier:parties(), barrier:waiting(), barrier:broken()})
    assert.equal(2, barrier:wait(PATIENCE))
    others[1]:expect("0")
    others[2]:expect("1")
    assert.equal("integer", math.type(barrier:wait(PATIENCE))) -- again
    for _, other in ipairs(others) do
      other:expect("true")
      other:finish()
    end
  end)

  it("is broken by who is late, and by abort(), until it is reset", function()
    local barrier <close> = assert(conn:Barrier {parties = 2})
    fails("broken", barrier:wait(SHORT))
    assert.is_true(barrier:broken())
    fails("broken", barrier:wait())
    assert.is_true(barrier:reset())
    assert.is_false(barrier:broken())
    assert.is_true(barrier:abort())
    fails("broken", barrier:wait(PATIENCE))
  end)

  it("says how many parties it has, or is asked", function()
    local name = fresh "barrier"
    assert.error_matches(function() conn:Barrier(name) end, "needs its parties", 1, true)
    local two <close> = assert(conn:Barrier(name, {parties = 2}))
    fails("options", conn:Barrier(name, {parties = 3}))
    local same <close> = assert(conn:Barrier(name))
    assert.equal(2, same:parties())
    assert.equal(2, two:parties())
    for _, parties in ipairs {-1, 1.5, 65537} do
      assert.has_error(function() conn:Barrier {parties = parties} end)
    end
  end)

  it("has its last party act before the others go on", function()
    local name = fresh "barrier"
    local barrier <close> = assert(conn:Barrier(name, {parties = 2}))
    local seen <close> = assert(conn:Queue(name .. "-seen"))
    local other = start([[
      local barrier, seen = assert(conn:Barrier(name)), assert(conn:Queue(name .. "-seen"))
      print(barrier:wait(10, function() print("not the last one") end))
      print(seen:get(0))
    ]], name)
    await(name, "waiting", 1)
    local acted = 0
    assert.equal(1, barrier:wait(PATIENCE, function()
      acted = acted + 1
      assert.is_true(assert(conn:info(name)).state.acting)
      assert(seen:put("acted", nil, true))
    end))
    other:expect("0")
    other:expect("acted")
    other:finish()
    assert.equal(1, acted)
  end)

  it("is broken by an error in the action, which is raised", function()
    local name = fresh "barrier"
    local barrier <close> = assert(conn:Barrier(name, {parties = 2}))
    local other = start("print(select(2, conn:Barrier(name):wait(10)))", name)
    await(name, "waiting", 1)
    local failure = {}
    local ok, raised = pcall(barrier.wait, barrier, PATIENCE, function() error(failure) end)
    assert.is_false(ok)
    assert.equal(failure, raised)
    other:expect("broken\tthe barrier is broken")
    other:finish()
    assert.is_true(barrier:broken())
  end)

  it("is broken while it acts by others", function()
    local barrier <close> = assert(conn:Barrier {parties = 1})
    local same <close> = assert(conn:attach(barrier:share()))
    fails("broken", barrier:wait(PATIENCE, function() assert(same:abort()) end))
    assert(barrier:reset())
    local inside = coroutine.create(function() barrier:wait(PATIENCE, coroutine.yield) end)
    assert(coroutine.resume(inside))
    coroutine.close(inside) -- it will never be through
    assert.is_true(barrier:broken())
  end)

  it("is broken by a party that dies", function()
    local name = fresh "barrier"
    local barrier <close> = assert(conn:Barrier(name, {parties = 3}))
    local other = start("conn:Barrier(name):wait()", name)
    await(name, "waiting", 1)
    other:kill()
    await(name, "broken", true)
    fails("broken", barrier:wait(PATIENCE))
  end)
end)

-- ---- with Python ----

describe("Lua and Python", function()
  it("meet on the same locks", function()
    local python
    for _, candidate in ipairs {"/usr/bin/python3", "python3"} do
      if not python and os.execute(candidate .. " -c 'import libipc; libipc.Lock' 2>/dev/null") then
        python = candidate
      end
    end
    if not python then
      return pending("no Python here that has libipc's locks")
    end
    local name = fresh "python"
    local lock <close> = assert(conn:RLock(name))
    local changed <close> = assert(conn:Condition(name .. "-changed"))
    local permits <close> = assert(conn:Semaphore(name .. "-permits", {value = 0}))
    local ready <close> = assert(conn:Event(name .. "-ready"))
    local start_line <close> = assert(conn:Barrier(name .. "-start", {parties = 2}))
    local other = start_with(python, [[
import sys, libipc
conn, name = libipc.connect(sys.argv[1]), sys.argv[2]
lock, changed = conn.RLock(name), conn.Condition(name + "-changed")
permits, ready = conn.Semaphore(name + "-permits", 0), conn.Event(name + "-ready")
start = conn.Barrier(name + "-start", 2)
assert lock.acquire()
permits.release()
assert ready.wait(10)
with changed:
    changed.notify()
print(start.wait(10), flush=True)
ready.clear()
ready.wait()
]], name)
    assert.is_true(permits:acquire(PATIENCE))
    assert.same({true, false}, {lock:locked()})
    assert(changed:acquire())
    assert(ready:set())
    assert.same({true, false}, {changed:wait(PATIENCE)})
    assert(changed:release())
    await(start_line:name(), "waiting", 1)
    assert.equal(1, start_line:wait(PATIENCE, function() end))
    other:expect("0")
    await(ready:name(), "waiting", 1)
    fails("timeout", lock:acquire(0))
    other:kill()
    assert.is_true(select(2, lock:acquire(PATIENCE)))
  end)
end)
