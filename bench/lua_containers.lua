-- Operations from Lua on a dict, as containers.c does them: "update" and "get_many" of so many keys a call, "set" and
-- "get" of one.
-- Touches standard input and output: "ready", a line to go, and "start" and "end" when it was; Lua has no clock for it,
-- so that bench/run looks at its own.
-- Locks nothing.

local ipc = require "libipc"

local what, address, count, size = arg[1], arg[2], math.tointeger(arg[3]), math.tointeger(arg[4])
if not address or not count or not size then
  io.stderr:write("usage: lua_containers.lua update|get_many|set|get ADDRESS COUNT KEYS\n")
  os.exit(2)
end

local function say(line)
  io.stdout:write(line, "\n")
  io.stdout:flush()
end

local conn <close> = assert(ipc.connect(address))
local dict <close> = assert(conn:Dict "dict")
local keys, pairs_of = {}, {}
for number = 1, size do
  keys[number] = ("key-%07d"):format(number)
  pairs_of[keys[number]] = number
end

local run = {
  update = function()
    assert(dict:set_many(pairs_of))
  end,
  get_many = function()
    local values = assert(dict:get_many(keys))
    if values[size] ~= size then
      error "a value came that nobody stored"
    end
  end,
  set = function()
    assert(dict:set(keys[1], 1000))
  end,
  get = function()
    assert(dict:get(keys[1]))
  end,
}

local operation = assert(run[what], "update, get_many, set or get")
assert(dict:set_many(pairs_of))
operation()
say "ready"
assert(io.stdin:read "l", "nobody told it to go")
say "start"
for _ = 1, count do
  operation()
end
say "end"
