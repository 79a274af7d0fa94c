-- libipc for Lua 5.4: queues, pipes, locks and containers between processes, in C, Python and Lua.
-- Touches package.loaded through require; leaves the global table as it was.
-- Locks nothing: a Lua state is one thread's at a time.
--
--     local ipc = require "libipc"
--     local conn <close> = assert(ipc.connect("demo"))
--     local jobs = assert(conn:JoinableQueue("jobs", {maxsize = 1000}))
--     jobs:put({id = 7, path = "a.png"})
--     for item in jobs:items() do work(item.value); item:done() end
--
-- RESULTS. What can go wrong at run time is returned: nil, a code, a detail in words. The codes are those of the C
-- library without "IPC_E", in lower case: "empty", "full", "timeout", "closed", "eof", "lost", "noent", "options",
-- "key", …. What is a mistake in the program is raised: a value that cannot be sent, an option that does not exist,
-- task_done or a release once too often. A method with no other result returns true.
--
-- TIMEOUTS are seconds, fractions too; nil is for ever, 0 not at all. Only pipe:poll() without one looks at once.
-- Ctrl-C interrupts every wait.
--
-- VALUES
--
--     Lua                               others                 back in Lua
--     nil, ipc.null                     null                   ipc.null, so that nil always means a failure
--     boolean                           boolean                boolean
--     integer, float                    int64, float64         integer, float (3.0 stays a float)
--     string                            text, must be UTF-8    string
--     ipc.bin(s)                        bytes                  ipc.bin: .data, #, ==, tostring()
--     table with keys 1 to n, or none   sequence               table; an empty one is marked with ipc.array
--     ipc.array{…}                      sequence               likewise; holes are sent as null
--     any other table, ipc.map{…}       map                    table; marked with ipc.map if empty, or keyed by numbers
--     ipc.timestamp(sec, nsec)          a moment               likewise: .sec, .nsec, ==, <, tostring()
--
-- ipc.bin, ipc.array, ipc.map and ipc.timestamp are metatables, too: getmetatable(v) == ipc.bin tells one. Other
-- metatables are passed over: tables are read raw. Functions, threads and other userdata are refused, and so are
-- handles, but in containers; and so are tables nested deeper than 32 (see set_value_limits). Tables keep no order of
-- keys, and a key 1.0 is the key 1. An integer above 2^63-1 that arrives is a failure ("format"), never a wrap. An
-- extension that only others know (a big integer, a pickle) arrives as an ipc.ext and is sent on unchanged.
--
-- HANDLES AS VALUES. A handle in a value that a container stores (a dict, list or namespace) is a reference to its
-- object there, and keeps that alive. Whoever reads the value has a handle of its own on it, of the same class, on
-- the same connection. Where the object is gone (its name was unlinked), what comes is an opaque ipc.ext. Pipe ends,
-- connections and hubs cannot be stored. Queues and pipes carry tickets (share()) instead.
--
-- POSITIONS in lists and arrays count from 1, and from -1 at the end; there is no 0. What is list[1] in Lua is index
-- 0 in C and Python.
--
-- FAILURE. A session that ends cleanly leaves what it took from a joinable queue and has not finished unfinished; one
-- of a program that failed, or was killed, has it handed out again (see redeliver). Lua tells nobody that a script ends
-- by an error, so a session has failed when an error leaves the scope of its <close> connection, and after ipc.fail()
-- or conn:fail(); without these it ends cleanly, whatever the exit status. An item that a loop over items() works on
-- goes back at once when an error leaves the loop, and so does an item that is a <close> variable.

-- SWIG's runtime leaves names in the global table. They are of no use here, and others may have theirs.
local SWIG_GLOBALS = {"swig_type", "swig_equals", "libipc_core"}
local before = {}
for _, name in ipairs(SWIG_GLOBALS) do
  before[name] = rawget(_G, name)
end
local core = require "libipc.core"
for _, name in ipairs(SWIG_GLOBALS) do
  rawset(_G, name, before[name])
end

-- What is raised in there is told at the line of who called.
core.set_scripts(debug.getinfo(1, "S").source:match("^(.*)init%.lua$") or "")

local containers = require "libipc.containers"
local handles = require "libipc.handles"
local manager = require "libipc.manager"
local options = require "libipc.options"
local sync = require "libipc.sync"
local values = require "libipc.values"

local ipc = {
  null = values.null,
  absent = values.absent,
  bin = values.bin,
  array = values.array,
  map = values.map,
  timestamp = values.timestamp,
  ext = values.ext,

  --- pack(value) -> string: the packed bytes (msgpack) of a value.
  pack = core.pack,
  --- unpack(string) -> value, or nil, code, detail.
  unpack = core.unpack,
  --- The version of the library that runs.
  version = core.version(),

  --- connect([address [, {timeout = 10, lane = "auto"}]]): a session with a hub; see ipc_connect() for addresses. The
  --- lane is how it reaches the hub: "shm" by shared memory, or not at all ("lane"); "zmq" by ZeroMQ; "auto" as
  --- $LIBIPC_LANE says. Handles that were opened through it keep it alive. Its methods, beside the constructors below:
  --- address(), list(), info(name) and stat() (tables: docs/command.md explains them), unlink(name), flush([timeout]),
  --- close(), fail().
  connect = handles.connect,
  --- Manager([address] [, options]), or Manager{address = …, …}: what Python knows as multiprocessing.Manager(). The
  --- options are connect()'s. It has the constructors of a connection, and connects by start() or connect(), or when
  --- something is first made. shutdown(), or the end of its scope where it is <close>, closes that; address().
  Manager = manager.new,
  --- hub(address [, limits]): a hub on a thread of this program; hub:address(), hub:stop(). The limits: max_sessions,
  --- max_objects, max_memory (bytes of values), max_message (bytes of one value), max_name (bytes of an object's name),
  --- max_waiting (calls of one session); 0, or without one, the library's own.
  hub = handles.start_hub,
}

-- Open on the default connection: what on a connection is conn:Queue(…) is ipc.Queue(…) there.
local function on_default(open)
  return function(...)
    local conn, code, detail = handles.default()
    if not conn then
      return nil, code, detail
    end
    return open(conn, ...)
  end
end

--- Queue([name] [, {maxsize = 0, mode = "either"}]), or Queue{name = …, …}: without a name it lives as long as a handle
--- on it. mode is "create", "attach" or "either". Its methods:
---   put(value [, timeout [, confirm]])  with confirm it returns when the hub has the value: true, or its failure
---   put_nowait(value)
---   put_many(values [, timeout])        a sequence of values: how many; or nil, code, detail, how many were put
---   get([timeout]), get_nowait()
---   get_many(max [, timeout])           waits for one, and takes what else has come to this handle: a sequence of 1 to
---                                       max values. One that Lua cannot hold is left out; then a code and a detail
---                                       stand behind it
---   take([timeout]), take_many(max [, timeout])
---                                       items in place of values
---   items([timeout])                    for loops: values until the queue is closed, deleted, or shut down and empty,
---                                       or nothing comes for timeout seconds; any other failure is raised
---   shutdown([immediate])               nothing more can be put ("shutdown"), and gets end so when it is empty;
---                                       immediate drops what nobody has taken
---   fd()                                a descriptor that is readable while a get would find something: see wait()
---   qsize(), empty(), full(), flush([timeout]), share(), name(), close()
ipc.Queue = on_default(handles.open_plain_queue)

--- JoinableQueue(…): a queue that knows when its items are finished. As Queue; items() gives items, not values, and
--- there are task_done() and join([timeout]). An item has value, attempt, late (it came behind a younger one that this
--- handle has had), done() and release(); as a <close> variable it is done, or released when an error leaves its scope.
--- More options:
---   redeliver = "crash"  hand out again what a consumer had not finished when it was killed or failed; "always": after
---                        every end; "never": such items stay unfinished
---   max_deliveries = 0   an item that came back unfinished so often (1 to 1000) is not handed out again …
---   dead_letter = ""     … but goes to the queue of this name, or is dropped; either way it is done
ipc.JoinableQueue = on_default(handles.open_joinable_queue)

--- Pipe(name [, {duplex = true, mode = "either", side = "any"}]): one end of a named pipe, "a", "b" or whichever is
--- free. Pipe([{duplex = true}]): both ends of a new one. Without duplex the first one, "a", receives; "b" sends.
--- Either way the name may stand among the options. The methods of an end:
---   send(value [, timeout]), recv([timeout]), poll([timeout])
---   send_bytes(s [, i [, j [, timeout]]])  the bytes i to j of a string or ipc.bin; recv() gets an ipc.bin
---   recv_bytes([max [, timeout]])          a string of max bytes at most. What is longer ("toosmall", with its length
---                                          behind the detail) or no bytes ("type") stays where it is
---   fd(), readable(), writable(), flush([timeout]), share(), name(), close()
ipc.Pipe = on_default(handles.open_pipe)

--- Lock([name] [, {mode = "either", refuse_deadlock = false}]), RLock(…): a lock that one at a time has, and one that
--- its owner, a thread of a program and so a Lua state with all its coroutines, may acquire again. (A Lock that this
--- thread has already is waited for all the same.) When the session of an owner ends, the next one gets the lock and is
--- told. Methods:
---   acquire([timeout])                  fence, abandoned: an integer that grows with every owner, and whether the one
---                                       before ended without releasing it; "timeout"; with
---                                       refuse_deadlock "deadlock", where it would wait for who waits, in a circle
---                                       of owners, for what this one has
---   release()                           a Lock's by anybody; an RLock's by its owner, as often as it acquired it. To
---                                       release what nobody has, or somebody else, is a mistake
---   with(f [, timeout])                 what f(fence, abandoned) returns, with the lock held meanwhile. Where it was
---                                       lost or deleted: f's own failure, or else that one
---   locked()                            whether anybody has it; and whether this thread has
---   recursive(), share(), name(), close()  a handle that is closed does not release the lock
ipc.Lock = on_default(sync.constructors.Lock)
ipc.RLock = on_default(sync.constructors.RLock)

--- Semaphore([name] [, {value = 1, mode = "either"}]), BoundedSemaphore(…): permits; those of a session that ends come
--- back. Of a bounded one there are never more than at first: a release beyond is a mistake. The methods:
---   acquire([timeout]), release([n = 1]), with(f [, timeout]), value(), share(), name(), close()
ipc.Semaphore = on_default(sync.constructors.Semaphore)
ipc.BoundedSemaphore = on_default(sync.constructors.BoundedSemaphore)

--- Event([name] [, {mode = "either"}]): a flag. set(), clear(), is_set(), wait([timeout]): true, or "timeout"; share(),
--- name(), close()
ipc.Event = on_default(sync.constructors.Event)

--- Condition([name] [, {mode = "either", refuse_deadlock = false, lock = a Lock or RLock}]): a lock, the one that is
--- given or an RLock of its own, and those who gave it up until they are notified. The methods:
---   acquire([timeout]), release(), with(f [, timeout])  as an RLock's; the others need them
---   wait([timeout])                     true, or false when the time passed; the lock is held in both cases. Second:
---                                       whether the owner before ended without releasing it
---   wait_for(predicate [, timeout])     the same until predicate() is true: what that was, or false
---   notify([n = 1]), notify_all()
---   share(), name(), close()
ipc.Condition = on_default(sync.constructors.Condition)

--- Barrier([name] [, {parties = n, mode = "either"}]): so many wait for each other; who makes it says how many. One
--- that dies, or is late, breaks it: "broken". The methods:
---   wait([timeout [, action]])          this party's index, from 0 in the order in which they came. The last one
---                                       calls action() before the others go on; an error in it breaks the barrier
---   reset(), abort()                    begin anew; break it until then
---   parties(), waiting(), broken(), share(), name(), close()
ipc.Barrier = on_default(sync.constructors.Barrier)

--- Dict([name] [, {mode = "either"}]): a map that lives in the hub, shared by all who know its name, or have a handle
--- on it. Every method is one step: nobody sees half of it. A key is a scalar; 1, 1.0 and true are the same one.
--- Methods:
---   get(key [, default])                nil, "key" where there is none, unless there is a default; a stored null is
---                                       ipc.null
---   set(key, value)                     nil is stored as null
---   delete(key), has(key), length(), #  "key" where there is none to delete
---   pop(key [, default]), pop_item()    the value that was there; the newest key and its value
---   set_default(key, value)             what is there then
---   keys(), values(), copy(), clear()   sequences, in the order in which the keys came; a table
---   items(), pairs(d)                   for loops: keys and values of a snapshot; a failure is raised
---   update(table), set_many(table)      all or none of its pairs; {"a", "b"} has the keys 1 and 2
---   get_many(keys [, default])          a sequence, with default or ipc.null where there is none
---   incr(key [, by = 1 [, start = 0]])  the sum; "range" beyond an int64, "kind" where no number is
---   compare_set(key, old, new)          whether it was old, and is new; ipc.absent for either is no value at all
---   share(), name(), close()
--- d[key] is not used: methods live there.
ipc.Dict = on_default(containers.constructors.Dict)

--- Namespace([name] [, {mode = "either"}]): a dict whose keys are names, used like a table: ns.x, ns.x = 1, ns.x =
--- nil, pairs(ns), #ns. What is not there reads as nil, a stored null as ipc.null; failures are raised. Names that
--- begin with an underscore are not attributes, but the methods of a Dict: ns:_get(name), ns:_incr(name), ns:_copy(),
--- ns:_share(), ns:_name(), ns:_close(), ….
ipc.Namespace = on_default(containers.constructors.Namespace)

--- List([name] [, {mode = "either"}]): a sequence that lives in the hub. Positions count from 1, and from -1 at the
--- end; 0 is a mistake, and what lies beyond is "index". The methods:
---   get(i), set(i, value), list[i]      list[i] is nil beyond the end; list[i] = value raises its failures. nil is
---                                       stored as null, and takes nothing away: delete(i) does
---   append(value), extend(values), insert(i, value)  insert: before i; beyond the ends it is the end
---   pop([i = -1]), delete(i), remove(value)  remove: the first that equals it, or "absent"
---   index(value [, i [, j]])            the position of the first that equals it, between two positions; or "absent"
---   has(value), count(value), length(), #
---   slice([i [, j [, step]]])           a sequence. Both bounds are in it, as in string.sub; a step is that of a loop.
---                                       Without i it begins where the step comes from; j = 0 is before the first
---   set_slice(i, j, values [, step])    an empty one is a place to insert: set_slice(1, 0, values). With a step other
---                                       than 1 there have to be as many
---   delete_slice(i [, j [, step]])
---   reverse(), sort([descending]), times(n), clear()  sort: "kind" where two cannot be compared; times(2) doubles it
---   values(), copy()                    all of it: a sequence
---   items(), pairs(list)                for loops: positions and values of a snapshot; ipairs(list) asks for each anew
---   incr(i [, by = 1]), compare_set(i, old, new)  as a dict's, without absent
---   share(), name(), close()
ipc.List = on_default(containers.constructors.List)

--- Array([name], {typecode = "d", length = n | values = {…} [, mode = "either"]}): numbers of one type: b B h H i I l
--- L q Q (integers of 8, 16, 32, 64 and 64 bits; capitals are unsigned), f and d (floats of 32 and 64). Who makes it
--- says its type and length; the values are what it begins with then. As a List's: get, set, array[i], slice,
--- set_slice (the length stays), values, copy, items, pairs, incr, compare_set, length, #, share, name, close.
--- "range": it does not fit; "kind": not of that type. Besides: typecode(), and a lock of its own, an RLock, which
--- keeps nobody from the numbers who does not ask for it: acquire([timeout]), release(), with(f [, timeout]),
--- locked().
ipc.Array = on_default(containers.constructors.Array)

--- Value([name], {typecode = "q" [, value = 0] [, mode = "either"]}): one such number: get(), set(number), incr([by =
--- 1]), compare_set(old, new), typecode(), and the lock as an Array's.
ipc.Value = on_default(containers.constructors.Value)

--- wait(things [, timeout]): those of several queues, pipe ends and descriptors (integers) in which a get, a receive or
--- a read would find something, an end and an error included: a sequence, empty when nothing came in time. Others may
--- be faster: get with a timeout of 0 then.
ipc.wait = core.wait

--- value_limits() -> {max_depth = 32, max_elements = 1 << 24}: what this process accepts of a value.
function ipc.value_limits()
  return {max_depth = core.max_depth(), max_elements = core.max_elements()}
end

--- set_value_limits{max_depth = 1 to 128, max_elements = 1 or more}: what is not named stays as it is. For all of the
--- process, and both for what is sent ("nested deeper than …") and what comes ("depth", "elements").
function ipc.set_value_limits(limits)
  local all = options.complete(limits, ipc.value_limits(), "{max_depth = 64}")
  return core.set_value_limits(all.max_depth, all.max_elements)
end

--- fail(): this program has failed. Its sessions end, now, as those of one that was killed: what was put is delivered;
--- what was taken and not finished is handed out again. conn:fail() is the same for one session.
function ipc.fail()
  core.fail()
end

--- attach(ticket): the queue, pipe end, lock, dict or whatever that share() gave the ticket for, in this process or
--- another.
function ipc.attach(ticket)
  return handles.attach(nil, ticket)
end

return ipc
