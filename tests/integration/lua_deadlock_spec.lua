-- Deadlocks among the locks of Lua and Python programs: shown, and refused where that was asked for.
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

-- ---- other programs: each has one lock, and waits for another when it is told to ----

local LUA = [[
  local ipc = require "libipc"
  local conn = assert(ipc.connect(arg[1]))
  local has, wants, go = assert(conn:RLock(arg[2])), assert(conn:RLock(arg[3])), assert(conn:Event(arg[4]))
  assert(has:acquire())
  print("has it"); io.stdout:flush()
  assert(go:wait())
  assert(wants:acquire())
  print("has both"); io.stdout:flush()
  assert(wants:release())
  assert(has:release())
]]

local PYTHON = [[
import sys, libipc
conn = libipc.connect(sys.argv[1])
has, wants, go = conn.RLock(sys.argv[2]), conn.RLock(sys.argv[3]), conn.Event(sys.argv[4])
with has:
    print("has it", flush=True)
    go.wait()
    with wants:
        print("has both", flush=True)
]]

local Program = {}
Program.__index = Program

local function start(interpreter, text, ...)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  local words = table.concat({interpreter, path, hub_name, ...}, " ")
  local pipe = assert(io.popen(("echo $$; exec %s 2>&1"):format(words)))
  return setmetatable({path = path, pipe = pipe, pid = pipe:read("n", "l")}, Program)
end

function Program:expect(line)
  assert.equal(line, self.pipe:read("l"))
end

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

-- What the hub says of an object, when this is true of it.
local function await(name, holds)
  local state
  for _ = 1, PATIENCE / 0.01 do
    state = assert(conn:info(name)).state
    if holds(state) then
      return state
    end
    pause:get(0.01)
  end
  error(("what is awaited of %s does not come"):format(name), 2)
end

local function python_with_libipc()
  for _, candidate in ipairs {"/usr/bin/python3", "python3"} do
    if os.execute(candidate .. " -c 'import libipc; libipc.Lock' 2>/dev/null") then
      return candidate
    end
  end
end

-- ---- circles ----

-- A circle of a Lua program and another one, which is killed.
local function circle_with(interpreter, text, language)
  local first, second, go = fresh "first", fresh "second", fresh "go"
  local event <close> = assert(conn:Event(go))
  local lua = start("lua5.4", LUA, first, second, go)
  local other = start(interpreter, text, second, first, go)
  lua:expect("has it")
  other:expect("has it")
  assert.same({}, assert(conn:info(first)).state.deadlock)
  assert(event:set())
  local state = await(first, function(state) return #state.deadlock == 2 end)
  local one, two = table.unpack(state.deadlock)
  assert.same({first, second, "lua", lua.pid}, {one.lock, one.waits_for, one.language, one.pid})
  assert.same({second, first, language, other.pid}, {two.lock, two.waits_for, two.language, two.pid})
  assert.same({lua.pid, "lua"}, {state.owner.pid, state.owner.language})
  assert.same({other.pid, language}, {state.waiters[1].pid, state.waiters[1].language})
  assert.is_true(state.waiters[1].waiting_us >= 0)
  other:kill()
  lua:expect("has both")
  lua:finish()
  assert.same({}, assert(conn:info(first)).state.deadlock)
end

describe("a deadlock", function()
  it("of two programs is shown until one dies", function()
    circle_with("lua5.4", LUA, "lua")
  end)

  it("of Lua and Python is shown as well", function()
    local python = python_with_libipc()
    if not python then
      return pending("no Python here that has libipc's locks")
    end
    circle_with(python, PYTHON, "python")
  end)

  it("is refused where that was asked for", function()
    local first, second, go = fresh "first", fresh "second", fresh "go"
    local event <close> = assert(conn:Event(go))
    local held <close> = assert(conn:RLock(first))
    local wanted <close> = assert(conn:RLock(second, {refuse_deadlock = true}))
    local other = start("lua5.4", LUA, second, first, go)
    other:expect("has it")
    assert(held:acquire())
    assert(event:set())
    await(first, function(state) return state.waiting == 1 end)
    local fence, code, detail = wanted:acquire()
    assert.same({nil, "deadlock"}, {fence, code})
    assert.matches(first, detail, 1, true)
    assert.matches(second, detail, 1, true)
    fails("deadlock", wanted:with(error))
    fails("timeout", wanted:acquire(0))
    local patient <close> = assert(conn:RLock {name = second})
    fails("timeout", patient:acquire(SHORT))
    local ticket <close> = assert(conn:attach(assert(wanted:share())))
    fails("deadlock", ticket:acquire())
    assert(held:release())
    other:expect("has both")
    other:finish()
    assert.is_number(wanted:acquire(PATIENCE))
  end)

  it("of a thread with itself is none, unless it is refused", function()
    local lock <close> = assert(conn:Lock())
    assert(lock:acquire())
    fails("timeout", lock:acquire(SHORT))
    local strict <close> = assert(conn:Lock {refuse_deadlock = true})
    assert(strict:acquire())
    fails("deadlock", strict:acquire())
    local changed <close> = assert(conn:Condition {refuse_deadlock = true})
    assert(changed:acquire())
    assert(changed:acquire())
  end)

  it("is an option of locks and conditions", function()
    assert.error_matches(function() conn:Event {refuse_deadlock = true} end, "no option refuse_deadlock")
    assert.error_matches(function() conn:Lock {refuse_deadlock = 1} end, "no option refuse_deadlock of type number")
  end)
end)
