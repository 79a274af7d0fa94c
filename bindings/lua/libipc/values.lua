-- Values that Lua has no type of its own for: bytes, moments, marked tables, null.
-- Touches the metatables that libipc.core made for them; each is also the function that makes one.
-- Locks nothing: a Lua state is one thread's at a time.

local core = require "libipc.core"

local values = {
  --- null: what None and NULL are inside tables, and at the top level of what get() returns.
  null = core.null,
  --- absent: no value at all, in a dict's compare_set().
  absent = core.absent,
  --- The metatable of extensions that Lua has no form for: they have a type and data, and are sent on as they came.
  ext = core.ext,
}

-- Make a kind's metatable callable. Calls are positional: kind(...) is make(...).
local function constructor(kind, make)
  return setmetatable(kind, {__call = function(_, ...) return make(...) end})
end

--- bin(s): the string s as bytes. It has .data, #, == and tostring(), which give the string back.
values.bin = constructor(core.bin, core.new_bin)

local function marker(kind)
  return constructor(kind, function(t)
    if t ~= nil and type(t) ~= "table" then
      error(("a table is needed, not a value of type %s"):format(type(t)), 3)
    end
    return setmetatable(t or {}, kind)
  end)
end

--- array{...}: marks the table as a sequence, even when it is empty. nil between its elements is sent as null.
values.array = marker(core.array)

--- map{...}: marks the table as a map, even when it is empty or its keys are 1 to n.
values.map = marker(core.map)

--- timestamp(sec [, nsec]): a moment, in seconds since 1970 and nanoseconds.
values.timestamp = constructor(core.timestamp, function(sec, nsec)
  nsec = nsec or 0
  if math.type(sec) ~= "integer" or math.type(nsec) ~= "integer" or nsec < 0 or nsec > 999999999 then
    error("a timestamp is an integer of seconds and one of nanoseconds, 0 to 999999999", 3)
  end
  return setmetatable({sec = sec, nsec = nsec}, core.timestamp)
end)

function values.timestamp.__eq(a, b)
  return getmetatable(a) == getmetatable(b) and a.sec == b.sec and a.nsec == b.nsec
end

function values.timestamp.__lt(a, b)
  return a.sec < b.sec or (a.sec == b.sec and a.nsec < b.nsec)
end

function values.timestamp.__le(a, b)
  return a.sec < b.sec or (a.sec == b.sec and a.nsec <= b.nsec)
end

--- As ISO 8601 in UTC.
function values.timestamp:__tostring()
  local known, text = pcall(os.date, "!%Y-%m-%dT%H:%M:%S", self.sec)
  if not known then -- a year that the C library has no calendar for
    return ("%d.%09d"):format(self.sec, self.nsec)
  end
  return self.nsec == 0 and text .. "Z" or ("%s.%09dZ"):format(text, self.nsec)
end

return values
