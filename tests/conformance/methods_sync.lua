-- Locks, semaphores, events, conditions and barriers in Lua: their methods, where those of the table are others.
-- Touches the handles that it is given.
-- Locks what it is told to.

local notation = require "notation"

local methods_sync = {
  --- What a barrier's action raises that is to fail.
  ACTION_FAILS = "the action is to fail",
}

local function acquire(lock, seconds)
  local fence, abandoned = lock:acquire(seconds)
  if fence == nil then
    return {fails = abandoned} -- a code
  end
  return {gives = notation.write(fence), abandoned = abandoned}
end

local function wait_for_notification(condition, seconds)
  local notified, abandoned = condition:wait(seconds)
  if notified == nil then
    return {fails = abandoned}
  end
  return {gives = notified, abandoned = abandoned}
end

local function succeed(done, code)
  return done == nil and {fails = code} or {}
end

-- The action is what the handle was opened with; nil: none.
local function meet(barrier, seconds, action)
  local acted = false
  local function act()
    acted = true
    if action == "fails" then
      error(methods_sync.ACTION_FAILS, 0)
    end
  end
  local index, code = barrier:wait(seconds, action and act)
  if index == nil then
    return {fails = code}
  end
  return {gives = notation.write(index), acted = acted}
end

--- A table's options in Lua's form, and what the methods are to know besides.
function methods_sync.options(given)
  local chosen = {}
  for name, value in pairs(given or {}) do
    chosen[name] = value
  end
  chosen.action = nil
  return chosen, given and given.action
end

--- By class and method: each is called with the handle, the seconds that it may take, the handle's extra
--- and the step's arguments.
methods_sync.methods = {
  Lock = {acquire = acquire},
  Semaphore = {
    acquire = function(permits, seconds) return succeed(permits:acquire(seconds)) end,
  },
  Event = {
    wait = function(event, seconds) return succeed(event:wait(seconds)) end,
  },
  Condition = {acquire = acquire, wait = wait_for_notification},
  Barrier = {wait = meet},
}

return methods_sync
