-- The classes: Conn, Queue, JoinableQueue, Pipe, Hub, and the items that queues hand out.
-- Touches the metatables that libipc.core made for them: SWIG's functions are their methods, idioms are added here.
-- Locks and their like are in sync.lua, dicts and other containers in containers.lua.
-- Locks nothing: a Lua state is one thread's at a time.

local core = require "libipc.core"
local classes = require "libipc.classes"
local containers = require "libipc.containers"
local options = require "libipc.options"
local sync = require "libipc.sync"

local define, name_of, swig_methods = classes.define, classes.name_of, classes.swig_methods

local handles = {}

-- ---- options ----

local choice, complete, with_name = options.choice, options.complete, options.with_name

local MODES = classes.MODES
local SIDES = {any = core.PIPE_ANY, a = core.PIPE_A, b = core.PIPE_B}
local LANES = {auto = core.LANE_AUTO, shm = core.LANE_SHM, zmq = core.LANE_ZMQ}
local REDELIVER = {crash = core.REDELIVER_CRASH, always = core.REDELIVER_ALWAYS, never = core.REDELIVER_NEVER}

-- ---- queues ----

local QUEUE_OPTIONS = {maxsize = 0, mode = "either"}
local QUEUE_EXAMPLE = "{maxsize = 3}"
local JOINABLE_OPTIONS = {maxsize = 0, mode = "either", redeliver = "crash", max_deliveries = 0, dead_letter = ""}

--- The two constructors.
function handles.open_plain_queue(conn, name, given)
  name, given = with_name(name, given)
  local opts = complete(given, QUEUE_OPTIONS, QUEUE_EXAMPLE)
  return core.open_queue(conn, name, choice(opts, "mode", MODES), false, opts.maxsize, REDELIVER.crash, 0, nil)
end

function handles.open_joinable_queue(conn, name, given)
  name, given = with_name(name, given)
  local opts = complete(given, JOINABLE_OPTIONS, QUEUE_EXAMPLE)
  local dead_letter = opts.dead_letter ~= "" and opts.dead_letter or nil
  local queue, code, detail = core.open_queue(conn, name, choice(opts, "mode", MODES), true, opts.maxsize,
    choice(opts, "redeliver", REDELIVER), opts.max_deliveries, dead_letter)
  if queue then
    core.as_joinable(queue)
  end
  return queue, code, detail
end

-- How a loop over a queue ends without an error; with a timeout, running empty is one of them.
local LAST = {closed = true, deleted = true, shutdown = true}

-- Iterate over what fetch(queue, timeout) returns, until the queue is closed, deleted or shut down (by this program or
-- another), or nothing comes for timeout seconds. Anything else, a lost hub say, is an error: the work is not done.
local function iterate(queue, fetch, timeout)
  return function()
    local value, code, detail = fetch(queue, timeout)
    if value == nil and not LAST[code] and code ~= "empty" then
      error(detail, 2)
    end
    return value
  end
end

local function queue_methods()
  local methods = swig_methods("Queue")

  function methods:put_nowait(value)
    return self:put(value, 0)
  end

  function methods:get_nowait()
    return self:get(0)
  end

  methods.put_many = core.put_many
  methods.get_many = core.get_many
  methods.take_many = core.take_many

  return methods
end

local Queue = define("Queue", queue_methods(), name_of, "close")
Queue.task_done = nil
Queue.join = nil

--- for value in queue:items([timeout]) do … end: values, null as ipc.null.
function Queue:items(timeout)
  return iterate(self, self.get, timeout)
end

local JoinableQueue = define("JoinableQueue", queue_methods(), name_of, "close")

-- What a loop over items leaves behind: after an error, the item that was at work, unless it is done or given back.
local Loop = {}

function Loop:__close(failure)
  local item = self.item
  if failure ~= nil and item and not item:settled() then
    item:release()
  end
end

--- for item in queue:items([timeout]) do … item:done() end: item.value, item.attempt, item.late, item:done(),
--- item:release(). When an error leaves the loop, its item goes back.
function JoinableQueue:items(timeout)
  local loop = setmetatable({}, Loop)
  local function take(queue, patience)
    loop.item = nil
    local item, code, detail = queue:take(patience)
    loop.item = item
    return item, code, detail
  end
  return iterate(self, take, timeout), nil, nil, loop
end

-- An item that leaves its scope is done, or, when an error leaves with it, goes back: somebody else may manage.
local Item = core.Item

function Item:__close(failure)
  if self:settled() then
    return
  end
  if failure == nil then
    self:done()
  else
    self:release()
  end
end

function Item:__tostring()
  return ("ipc.Item: attempt %d, of %s"):format(self.attempt, tostring(self.queue))
end

-- ---- pipes ----

local Pipe = define("Pipe", swig_methods("Pipe"), name_of, "close")
local poll = Pipe.poll

--- Whether a recv would return at once. The one method that does not wait for ever without a timeout: it only looks.
function Pipe:poll(timeout)
  return poll(self, timeout or 0)
end

Pipe.recv_bytes = core.recv_bytes
local send_bytes = Pipe.send_bytes

--- Send the bytes i to j of a string, counted as string.sub() does; without them all of it.
function Pipe:send_bytes(bytes, i, j, timeout)
  if i ~= nil or j ~= nil then
    bytes = (getmetatable(bytes) == core.bin and bytes.data or bytes):sub(i or 1, j or -1)
  end
  return send_bytes(self, bytes, timeout)
end

local PIPE_OPTIONS = {duplex = true, mode = "either", side = "any"}
local PAIR_OPTIONS = {duplex = true}

--- With a name, one end of that pipe; without, both ends of a new one: without duplex the first receives, the second
--- sends.
function handles.open_pipe(conn, name, given)
  name, given = with_name(name, given)
  if name ~= nil then
    local opts = complete(given, PIPE_OPTIONS, '{side = "a"}')
    local mode, side = choice(opts, "mode", MODES), choice(opts, "side", SIDES)
    return core.open_pipe(conn, name, mode, side, not opts.duplex)
  end
  return core.Pipe_pair(conn, not complete(given, PAIR_OPTIONS, "{duplex = false}").duplex)
end

-- ---- tickets ----

-- What a ticket may be for, beside a queue, in the order of asking.
local OTHERS = {
  core.Pipe_attach, core.Lock_attach, core.Semaphore_attach, core.Event_attach, core.Condition_attach,
  core.Barrier_attach, core.Dict_attach, core.List_attach, core.Array_attach,
}

--- The handle that a ticket stands for, as share() gave it to this or another process. Without a connection, one to the
--- ticket's own hub.
function handles.attach(conn, ticket)
  local queue, code, detail = core.Queue_attach(conn, ticket)
  if code == "type" then
    for _, attach in ipairs(OTHERS) do
      local other
      other, code, detail = attach(conn, ticket)
      if other then
        return other
      elseif code ~= "type" then
        break
      end
    end
  end
  if not queue then
    return nil, code, detail
  end
  local joinable
  joinable, code, detail = queue:joinable()
  if joinable == nil then
    return nil, code, detail
  end
  return joinable and core.as_joinable(queue) or queue
end

-- ---- connections and hubs ----

local Conn = define("Conn", swig_methods("Conn"), function(self) return self:address() end, "close")

-- A program whose error leaves the scope of its connection has failed.
core.classes.Conn.__close = function(self, failure)
  if failure ~= nil then
    self:fail()
  else
    self:close()
  end
end

Conn.Queue = handles.open_plain_queue
Conn.JoinableQueue = handles.open_joinable_queue
Conn.Pipe = handles.open_pipe
Conn.attach = handles.attach
for _, kin in ipairs {sync, containers} do
  for class, open in pairs(kin.constructors) do
    Conn[class] = open
  end
end

local CONNECT_OPTIONS = {timeout = 10.0, lane = "auto"}
local CONNECT_EXAMPLE = "{timeout = 3}"

-- The name of the script that runs, for those who look at the hub.
local function program()
  local script = type(arg) == "table" and arg[0]
  return type(script) == "string" and script:match("[^/]+$") or nil
end

function handles.connect(address, given)
  if address ~= nil then
    options.check_address(address)
  end
  local opts = complete(given, CONNECT_OPTIONS, CONNECT_EXAMPLE)
  options.check_timeout(opts.timeout)
  return core.connect(address, program(), choice(opts, "lane", LANES), opts.timeout)
end

--- What connect() takes: defaults, an example, and the words of one of them.
handles.CONNECT_OPTIONS, handles.CONNECT_EXAMPLE, handles.LANES = CONNECT_OPTIONS, CONNECT_EXAMPLE, LANES

local default

--- The connection of handles that name none: made on first use, kept until the program ends.
function handles.default()
  if not default then
    local conn, code, detail = handles.connect()
    if not conn then
      return nil, code, detail
    end
    default = conn
  end
  return default
end

define("Hub", swig_methods("Hub"), function(self) return self:address() end, "stop")

local HUB_OPTIONS = {
  max_sessions = 0, max_objects = 0, max_memory = 0, max_message = 0, max_name = 0, max_waiting = 0,
}

function handles.start_hub(address, given)
  options.check_address(address)
  local opts = complete(given, HUB_OPTIONS, "{max_objects = 100}")
  return core.start_hub(address, opts.max_sessions, opts.max_objects, opts.max_memory, opts.max_message, opts.max_name,
    opts.max_waiting)
end

return handles
