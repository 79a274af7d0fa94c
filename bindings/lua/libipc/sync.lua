-- Locks, semaphores, events, conditions and barriers.
-- Touches the metatables that libipc.core made for them: SWIG's functions are their methods, idioms are added here.
-- Locks what it is told to.

local core = require "libipc.core"
local classes = require "libipc.classes"
local options = require "libipc.options"

local choice, complete, with_name = options.choice, options.complete, options.with_name
local check_function, check_timeout = options.check_function, options.check_timeout
local define, name_of, swig_methods = classes.define, classes.name_of, classes.swig_methods
local MODES = classes.MODES

local sync = {}

-- ---- constructors ----

local EVENT_OPTIONS = {mode = "either"}
local GUARD_OPTIONS = {mode = "either", refuse_deadlock = false}
local GUARD_EXAMPLE = "{refuse_deadlock = true}"
local SEMAPHORE_OPTIONS = {value = 1, mode = "either"}
local SEMAPHORE_EXAMPLE = "{value = 3}"
local BARRIER_OPTIONS = {parties = 0, mode = "either"}

local function lock_opener(recursive)
  return function(conn, name, given)
    name, given = with_name(name, given)
    local opts = complete(given, GUARD_OPTIONS, GUARD_EXAMPLE)
    return core.open_lock(conn, name, choice(opts, "mode", MODES), recursive, opts.refuse_deadlock)
  end
end

-- The lock is a handle, which has no default: the other options, and it. Blamed on the caller's caller.
local function without_lock(given)
  if type(given) ~= "table" then
    return given
  end
  local others = {}
  for option, value in pairs(given) do
    others[option] = value
  end
  local lock = others.lock
  others.lock = nil
  if lock ~= nil and getmetatable(lock) ~= core.classes.Lock then
    error(("the option lock is a Lock or an RLock, not %s"):format(options.kind(lock)), 3)
  end
  return others, lock
end

local function open_condition(conn, name, given)
  name, given = with_name(name, given)
  local others, lock = without_lock(given)
  local opts = complete(others, GUARD_OPTIONS, GUARD_EXAMPLE)
  return core.open_condition(conn, name, choice(opts, "mode", MODES), opts.refuse_deadlock, lock)
end

local function open_event(conn, name, given)
  name, given = with_name(name, given)
  return core.open_event(conn, name, choice(complete(given, EVENT_OPTIONS, '{mode = "create"}'), "mode", MODES))
end

-- What is not asked for is not compared.
local function open_semaphore(conn, name, given)
  name, given = with_name(name, given)
  local opts = complete(given, SEMAPHORE_OPTIONS, SEMAPHORE_EXAMPLE)
  local mode = choice(opts, "mode", MODES)
  if not given or given.value == nil then
    return core.Semaphore_unasked(conn, name, mode)
  end
  return core.open_semaphore(conn, name, mode, opts.value, false)
end

local function open_bounded_semaphore(conn, name, given)
  name, given = with_name(name, given)
  local opts = complete(given, SEMAPHORE_OPTIONS, SEMAPHORE_EXAMPLE)
  return core.open_semaphore(conn, name, choice(opts, "mode", MODES), opts.value, true)
end

local function open_barrier(conn, name, given)
  name, given = with_name(name, given)
  local opts = complete(given, BARRIER_OPTIONS, "{parties = 3}")
  return core.open_barrier(conn, name, choice(opts, "mode", MODES), opts.parties)
end

--- By the names of their classes: constructor(conn [, name] [, options]).
sync.constructors = {
  Lock = lock_opener(false),
  RLock = lock_opener(true),
  Semaphore = open_semaphore,
  BoundedSemaphore = open_bounded_semaphore,
  Event = open_event,
  Condition = open_condition,
  Barrier = open_barrier,
}

-- ---- what is acquired ----

-- What a function that is called with something acquired leaves behind when it does not return: that is released.
local Held = {}

function Held:__close()
  if self.thing then
    pcall(core.let_go, self.thing, self.losses) -- the error that leaves is the one to tell
  end
end

-- What is a mistake in the program where nothing has failed before.
local MISTAKES = {notheld = true, notowner = true}

--- lock:with(f [, timeout]): what f(…) returns, called with what acquire() said while the lock is held; or nil, code,
--- detail. It is released in any case. Where it cannot be, since it is gone, that is the failure, unless f has its own.
function sync.with(thing, f, timeout)
  check_function(f, "with() calls")
  check_timeout(timeout)
  local first, second, detail = thing:acquire(timeout)
  if first == nil then
    return nil, second, detail
  end
  local held <close> = setmetatable({thing = thing, losses = core.losses(thing)}, Held)
  local results = table.pack(f(first, second))
  held.thing = nil
  local released, code, words = core.let_go(thing, held.losses)
  if released or (results[1] == nil and type(results[2]) == "string") then
    return table.unpack(results, 1, results.n)
  elseif MISTAKES[code] then
    error(words, 2)
  end
  return nil, code, words
end

-- ---- locks ----

local Lock = define("Lock", swig_methods("Lock"), function(self)
  return name_of(self) .. (self:recursive() and " (recursive)" or "")
end, "close")

--- Whether anybody has it, and whether this thread has.
Lock.locked, Lock.peek = Lock.peek, nil
Lock.with = sync.with

-- ---- semaphores ----

local Semaphore = define("Semaphore", swig_methods("Semaphore"), name_of, "close")
local give_back = Semaphore.release

function Semaphore:release(count)
  return give_back(self, count or 1)
end

Semaphore.with = sync.with

-- ---- events ----

define("Event", swig_methods("Event"), name_of, "close")

-- ---- conditions ----

local Condition = define("Condition", swig_methods("Condition"), name_of, "close")
local wait, notify = Condition.wait, Condition.notify

--- true, or false when the time passed; and whether the owner before ended without releasing it.
function Condition:wait(timeout)
  check_timeout(timeout)
  local notified, fence, abandoned = wait(self, timeout)
  if notified == nil then
    return nil, fence, abandoned -- a code and words
  end
  return notified, abandoned
end

--- Until predicate() is true: what it said, or false when the time passed; and whether an owner ended meanwhile without
--- releasing the lock.
function Condition:wait_for(predicate, timeout)
  check_function(predicate, "wait_for() calls")
  check_timeout(timeout)
  local deadline = timeout and core.now() + timeout
  local abandoned = false
  while true do
    local answer = predicate()
    local rest = deadline and deadline - core.now()
    if answer or (rest and rest <= 0) then
      return answer or false, abandoned
    end
    local notified, after, detail = self:wait(rest)
    if notified == nil then
      return nil, after, detail
    end
    abandoned = abandoned or after
  end
end

function Condition:notify(count)
  if count == 0 then
    error("one or more are notified; notify_all() notifies all", 2)
  end
  return notify(self, count or 1)
end

function Condition:notify_all()
  return notify(self, 0)
end

Condition.with = sync.with

-- ---- barriers ----

local Barrier = define("Barrier", swig_methods("Barrier"), name_of, "close")
local meet, pass, stat = Barrier.wait, Barrier.pass, Barrier.stat
Barrier.pass, Barrier.stat = nil, nil

-- An action that does not return breaks the barrier.
local Action = {}

function Action:__close()
  if self.barrier then
    pcall(pass, self.barrier, false)
  end
end

--- The index of this party, from 0 in the order in which they came; action() is called by the one that comes last,
--- before the others go on. An error in it breaks the barrier, and is raised.
function Barrier:wait(timeout, action)
  check_timeout(timeout)
  if action ~= nil then
    check_function(action, "the action is")
  end
  local index, acts, detail = meet(self, timeout, action ~= nil)
  if index == nil then
    return nil, acts, detail -- a code and words
  elseif not acts then
    return index
  end
  local acting <close> = setmetatable({barrier = self}, Action)
  action()
  acting.barrier = nil
  local passed, code, words = pass(self, true)
  if not passed then
    return nil, code, words
  end
  return index
end

-- What stat() gives at a place, or its failure.
local function look(place)
  return function(self)
    local results = {stat(self)}
    if results[1] == nil then
      return nil, results[2], results[3]
    end
    return results[place]
  end
end

Barrier.parties = look(1)
Barrier.waiting = look(2)
Barrier.broken = look(3)

return sync
