-- An actor of table.json in Lua: a connection, and the handles and items that its steps name.
-- Touches the hub at its address.
-- Locks nothing: a Lua state is one thread's at a time.

local ipc = require "libipc"
local json = require "dkjson"
local methods_container = require "methods_container"
local methods_sync = require "methods_sync"
local notation = require "notation"

local class_of, own = methods_container.class_of, methods_container.own

local PATIENCE_MS = 20000 -- for what must come

local function seconds(step)
  return (step.timeout_ms or PATIENCE_MS) / 1000
end

local function text_of(step, key)
  return step[key] ~= nil and notation.read(step[key]) or nil
end

local function name_of(step)
  return text_of(step, "name")
end

-- A step's options under the names that Lua has for them.
local function options(step, names)
  local chosen = {}
  for name, here in pairs(names) do
    chosen[here] = step[name]
  end
  chosen.dead_letter = text_of(step, "dead_letter")
  return chosen
end

local QUEUE = {maxsize = "maxsize", mode = "mode", redeliver = "redeliver", max_deliveries = "max_deliveries"}
local PIPE = {["end"] = "side", duplex = "duplex", mode = "mode"}

-- Each returns what the library does: a value, or nil, a code and a detail. give and keep say what becomes of it.
local steps = {}

local function give(value, code)
  if value == nil then
    return {fails = code}
  end
  return {gives = notation.write(value)}
end

local function keep(actor, name, thing, code)
  if thing == nil then
    return {fails = code}
  end
  actor.things[name] = thing
  return {}
end

local function succeed(done, code)
  return done == nil and {fails = code} or {}
end

-- ---- opening ----

function steps.queue(actor, step)
  return keep(actor, step.as, actor.conn:Queue(name_of(step), options(step, QUEUE)))
end

function steps.joinable_queue(actor, step)
  return keep(actor, step.as, actor.conn:JoinableQueue(name_of(step), options(step, QUEUE)))
end

function steps.pipe(actor, step)
  return keep(actor, step.as, actor.conn:Pipe(name_of(step), options(step, PIPE)))
end

function steps.pipe_pair(actor, step)
  local one, two = actor.conn:Pipe(options(step, PIPE))
  keep(actor, step.as[1], one, two)
  return keep(actor, step.as[2], one and two, two)
end

function steps.share(actor, step)
  local thing = actor.things[step.on]
  return give(own(thing, "share")(thing))
end

function steps.attach(actor, step)
  return keep(actor, step.as, actor.conn:attach(notation.read(step.ticket)))
end

-- ---- queues ----

function steps.put(actor, step)
  return succeed(actor.things[step.on]:put(notation.read(step.value), seconds(step), step.confirm))
end

function steps.put_nowait(actor, step)
  return succeed(actor.things[step.on]:put_nowait(notation.read(step.value)))
end

function steps.get(actor, step)
  return give(actor.things[step.on]:get(seconds(step)))
end

function steps.get_nowait(actor, step)
  return give(actor.things[step.on]:get_nowait())
end

function steps.take(actor, step)
  local item, code = actor.things[step.on]:take(seconds(step))
  if item == nil then
    return {fails = code}
  end
  actor.things[step.as] = item
  return {gives = notation.write(item.value), attempt = item.attempt, late = item.late}
end

function steps.put_many(actor, step)
  local values = {}
  for i, value in ipairs(step.values) do
    values[i] = notation.read(value)
  end
  local count, code, _, before = actor.things[step.on]:put_many(values, seconds(step))
  if count == nil then
    return {fails = code, put = before}
  end
  return {gives = notation.write(count), put = count}
end

function steps.get_many(actor, step)
  local all = ipc.array()
  repeat
    local most = math.min(step.max, (step.count or math.maxinteger) - #all)
    local values, code = actor.things[step.on]:get_many(most, seconds(step))
    if values == nil then
      return {fails = code}
    end
    table.move(values, 1, #values, #all + 1, all)
  until #all >= (step.count or 0)
  return give(all)
end

function steps.shutdown(actor, step)
  return succeed(actor.things[step.on]:shutdown(step.immediate))
end

function steps.done(actor, step)
  return succeed(actor.things[step.item]:done())
end

function steps.release(actor, step)
  return succeed(actor.things[step.item]:release())
end

function steps.task_done(actor, step)
  local queue = actor.things[step.on]
  return queue.task_done and succeed(queue:task_done()) or {fails = "inval"}
end

function steps.join(actor, step)
  local queue = actor.things[step.on]
  return queue.join and succeed(queue:join(seconds(step))) or {fails = "inval"}
end

-- ---- pipes ----

function steps.send(actor, step)
  return succeed(actor.things[step.on]:send(notation.read(step.value), seconds(step)))
end

function steps.recv(actor, step)
  return give(actor.things[step.on]:recv(seconds(step)))
end

function steps.send_bytes(actor, step)
  return succeed(actor.things[step.on]:send_bytes(notation.hex_bytes(step.bytes)))
end

function steps.recv_bytes(actor, step)
  local bytes, code = actor.things[step.on]:recv_bytes(step.max, seconds(step))
  return give(bytes and ipc.bin(bytes), code)
end

function steps.poll(actor, step)
  return give(actor.things[step.on]:poll(seconds(step)))
end

-- ---- objects with methods ----

-- By class and method, where those of the table are others.
local METHODS = {}
for _, family in ipairs {methods_sync, methods_container} do
  for class, methods in pairs(family.methods) do
    METHODS[class] = methods
  end
end

function steps.open(actor, step)
  local chosen, extra = methods_sync.options(step.options)
  chosen = methods_container.options(chosen)
  local thing, code = actor.conn[step.class](actor.conn, name_of(step), chosen)
  if thing then
    actor.extras[thing] = extra
  end
  return keep(actor, step.as, thing, code)
end

-- A step that says what it is to be called gives a handle; a reference that leads nowhere is none.
local function kept(actor, step, result)
  if result.value == nil then
    return result
  elseif not step.as then
    return give(result.value)
  elseif getmetatable(result.value) == ipc.ext then
    return {fails = "noent"}
  end
  return keep(actor, step.as, result.value)
end

function steps.call(actor, step)
  local thing, args = actor.things[step.on], {n = 0}
  for i, arg in ipairs(step.args or {}) do
    args[i], args.n = notation.read(arg, actor.things), i
  end
  local method = (METHODS[class_of(thing)] or {})[step.method]
  if method then
    return kept(actor, step, method(thing, seconds(step), actor.extras[thing], table.unpack(args, 1, args.n)))
  end
  return give(thing[step.method](thing, table.unpack(args, 1, args.n)))
end

-- ---- all handles, connections ----

function steps.name(actor, step)
  local thing = actor.things[step.on]
  local name = own(thing, "name")(thing)
  return {gives = name == nil and json.null or name}
end

for _, question in ipairs {"qsize", "empty", "full", "readable", "writable"} do
  steps[question] = function(actor, step)
    local handle = actor.things[step.on]
    return give(handle[question](handle))
  end
end

function steps.flush(actor, step)
  return succeed(actor.things[step.on]:flush(seconds(step)))
end

function steps.close(actor, step)
  local thing = actor.things[step.on]
  own(thing, "close")(thing)
  return {}
end

function steps.unlink(actor, step)
  return succeed(actor.conn:unlink(step.name))
end

function steps.list(actor)
  return give(actor.conn:list())
end

function steps.conn_flush(actor, step)
  return succeed(actor.conn:flush(seconds(step)))
end

function steps.conn_close(actor)
  actor.conn:close()
  return {}
end

function steps.conn_fail(actor)
  actor.conn:fail()
  return {}
end

-- The names of those that are ready.
function steps.wait(actor, step)
  local things, names = {}, {}
  for i, name in ipairs(step.on) do
    things[i] = actor.things[name]
    names[things[i]] = name
  end
  local ready, code = ipc.wait(things, seconds(step))
  for i, thing in ipairs(ready or {}) do
    ready[i] = names[thing]
  end
  return give(ready and ipc.array(ready), code)
end

-- Whether its descriptor is readable, in time.
function steps.fd(actor, step)
  local fd, code = actor.things[step.on]:fd()
  local ready
  if fd then
    ready, code = ipc.wait({fd}, seconds(step))
  end
  return give(ready and #ready == 1, code)
end

-- ---- the hub ----

function steps.stat(actor)
  return give(actor.conn:stat())
end

function steps.info(actor, step)
  return give(actor.conn:info(step.name))
end

-- ---- the actor ----

local Actor = {}
Actor.__index = Actor

local MISTAKES = {
  "not joinable", "no option redeliver", "no option max_deliveries", "the option redeliver is one of",
  "a dead_letter needs max_deliveries", "a queue's options are", "cannot be its own dead_letter",
  "a barrier needs its parties", "a barrier's option is parties", "a semaphore is given back",
  "a semaphore's options are", "cannot replace", "what makes an array says", "what makes a value says",
  "the option typecode is one of",
}

-- Those that have codes of their own elsewhere.
local CODES = {
  ["task_done was called more often"] = "IPC_EUNFINISHED",
  ["it was released already"] = "IPC_ENOTHELD",
  ["it was released too often"] = "IPC_ENOTHELD",
  ["is another thread's"] = "IPC_ENOTOWNER",
  ["needs the condition's lock"] = "IPC_ENOTOWNER",
  ["the handle or its connection is closed"] = "IPC_ECLOSED", -- of an attribute
  [methods_sync.ACTION_FAILS] = "action",
}
for _, words in ipairs(MISTAKES) do
  CODES[words] = "IPC_EINVAL"
end

-- A program's mistake is raised, with the C library's words and without a code.
local function raised(message)
  for words, code in pairs(CODES) do
    if type(message) == "string" and message:find(words, 1, true) then
      return {fails = code}
    end
  end
  error(message, 0)
end

local function once(actor, step)
  local fine, result = pcall(assert(steps[step["do"]], step["do"]), actor, step)
  if not fine then
    return raised(result)
  end
  if result.fails then
    result.fails = "IPC_E" .. result.fails:upper()
  end
  return result
end

--- Do a step, as often as it says. What it gives, or the error that it fails with, as a table.
function Actor:step(step)
  local result
  for _ = 1, step.times or 1 do
    result = once(self, step)
    if result.fails then
      break
    end
  end
  return result
end

function Actor:close()
  for _, thing in pairs(self.things) do
    local close = own(thing, "close") -- items have none
    if close then
      close(thing)
    end
  end
  self.conn:close()
end

local interpreter = {}

function interpreter.actor(address)
  return setmetatable({conn = assert(ipc.connect(address)), things = {}, extras = {}}, Actor)
end

return interpreter
