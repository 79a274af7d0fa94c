-- table.json in Lua: every case over every transport, its two actors being connections of this process.
-- Touches hubs of its own.
-- Locks nothing: a Lua state is one thread's at a time.

package.path = debug.getinfo(1, "S").source:match("^@(.*/)") .. "?.lua;" .. package.path

local interpreter = require "interpreter"
local ipc = require "libipc"
local notation = require "notation"

local PATIENCE = 20 -- seconds
local TRANSPORTS = {"ipc", "inproc"}
if os.getenv("LIBIPC_LANE") ~= "shm" then -- shared memory is this host's
  table.insert(TRANSPORTS, "tcp")
end

local count = 0
local function fresh(transport)
  count = count + 1
  local name = ("table-%x-%d"):format(math.random(0) & 0xffffffff, count)
  return ({ipc = name, inproc = "inproc://" .. name, tcp = "tcp://127.0.0.1:*"})[transport]
end

-- A hub, and the actors of a case.
local function open_stage(transport, limits)
  local hub = assert(ipc.hub(fresh(transport), limits))
  return {hub = hub, limits = limits, address = hub:address(), actors = {}}
end

local function close_stage(stage)
  for _, actor in pairs(stage.actors) do
    actor:close()
  end
  stage.hub:stop()
end

local function perform(stage, step)
  if step.by == "hub" then
    if step["do"] == "stop" then
      stage.hub:stop()
    else
      stage.hub = assert(ipc.hub(stage.address, stage.limits))
    end
    return {}
  end
  stage.actors[step.by] = stage.actors[step.by] or interpreter.actor(stage.address)
  return stage.actors[step.by]:step(step)
end

local function matches(step, result)
  for _, mark in ipairs {"fails", "put", "attempt", "late", "abandoned", "acted"} do
    if (step[mark] ~= nil or mark == "fails") and step[mark] ~= result[mark] then
      return false
    end
  end
  if step.fails then
    return true
  end
  return step.gives == nil or notation.same(step.gives, result.gives)
end

local function until_it_matches(stage, step)
  local result
  for _ = 1, PATIENCE / 0.005 do
    result = perform(stage, step)
    if matches(step, result) then
      break
    end
    ipc.wait({}, 0.005) -- as Lua has no sleep
  end
  return result
end

local function run(case, stage)
  local tickets = {}
  for number, step in ipairs(case.steps) do
    if step["do"] == "attach" then
      step = setmetatable({ticket = tickets[step.ticket]}, {__index = step})
    end
    local result = step.eventually and until_it_matches(stage, step) or perform(stage, step)
    if not matches(step, result) then
      error(("step %d, %s: %s"):format(number, notation.encode(step), notation.encode(result)), 0)
    end
    if step["do"] == "share" then
      tickets[step.as] = result.gives
    end
  end
end

local function runs_over(case, transport)
  for _, one in ipairs(case.over or {transport}) do
    if one == transport then
      return not case.processes
    end
  end
  return false
end

for _, transport in ipairs(TRANSPORTS) do
  describe("over " .. transport, function()
    for _, case in ipairs(notation.load("table.json").cases) do
      if runs_over(case, transport) then
        it(case.name, function()
          local stage = open_stage(transport, case.hub)
          local fine, problem = pcall(run, case, stage)
          close_stage(stage)
          assert(fine, problem)
        end)
      end
    end
  end)
end
