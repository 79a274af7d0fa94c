-- Throughput from Lua: one producer process, one consumer process, one value a call; as throughput.c does it.
-- Touches standard input and output: "ready", a line to go, and "start" or "end" when it was; Lua has no clock for it,
-- so that bench/run looks at its own.
-- Locks nothing.

local ipc = require "libipc"

local role, address, count, size = arg[1], arg[2], math.tointeger(arg[3]), math.tointeger(arg[4])
if (role ~= "produce" and role ~= "consume") or not count or not size then
  io.stderr:write("usage: lua_queue.lua produce|consume ADDRESS COUNT SIZE\n")
  os.exit(2)
end

local function say(line)
  io.stdout:write(line, "\n")
  io.stdout:flush()
end

local function ready()
  say "ready"
  assert(io.stdin:read "l", "nobody told it to go")
end

local conn <close> = assert(ipc.connect(address))
local queue <close> = assert(conn:Queue "bench")
local value = ("x"):rep(size)

if role == "produce" then
  assert(queue:put(value)) -- before the clock starts: everything is connected when it arrives
  ready()
  say "start"
  for _ = 1, count do
    assert(queue:put(value))
  end
  assert(queue:flush())
else
  assert(queue:get())
  ready()
  for _ = 1, count do
    local got = assert(queue:get())
    if got ~= value then
      error(("a value of %d bytes came that nobody put"):format(#got))
    end
  end
  say "end"
end
