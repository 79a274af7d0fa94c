-- Values as the tables in this folder write them (README.md), to Lua's own and back.
-- Touches nothing but values, and the tables' files.
-- Locks nothing: a Lua state is one thread's at a time.

local ipc = require "libipc"
local json = require "dkjson"

local notation = {null = json.null}

local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"

function notation.load(name)
  local file <close> = assert(io.open(here .. name, "rb"))
  return notation.parse(file:read("a"))
end

function notation.parse(text)
  local value, _, problem = json.decode(text, 1, json.null)
  return value, problem
end

local function unhex(digits)
  return (digits:gsub("%x%x", function(byte) return string.char(tonumber(byte, 16)) end))
end

local function hex(bytes)
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

--- Hex digits; or a list of parts, a part being digits or {digits, times}.
function notation.hex_bytes(parts)
  if type(parts) == "string" then
    return unhex(parts)
  end
  local bytes = {}
  for i, part in ipairs(parts) do
    bytes[i] = type(part) == "string" and unhex(part) or unhex(part[1]):rep(part[2])
  end
  return table.concat(bytes)
end

local function times(body, count)
  if type(body) == "string" then
    return body:rep(count)
  end
  local all = {}
  for _ = 1, count do
    table.move(body, 1, #body, #all + 1, all)
  end
  return all
end

-- In full, the outermost alone: a number is {int = …}, a list {array = …}, and what is repeated is there so often.
local function expand(value)
  if math.type(value) == "integer" then
    return {int = tostring(value)}
  elseif type(value) ~= "table" or value == json.null then
    return value
  elseif type(next(value)) ~= "string" then
    return {array = value}
  elseif not value["repeat"] then
    return value
  end
  local what, count = table.unpack(value["repeat"])
  if type(what) ~= "table" or type(next(what)) ~= "string" then
    return expand(times(what, count))
  end
  local kind, body = next(what)
  return {[kind] = times(body, count)}
end

-- ---- reading ----

-- 0/0 has a sign on some machines.
local FLOATS = {inf = math.huge, ["-inf"] = -math.huge, nan = string.unpack(">d", "\x7f\xf8\0\0\0\0\0\0")}

local readers = {}

function readers.int(body)
  return (assert(math.tointeger(tonumber(body)), body))
end

function readers.float(body)
  return FLOATS[body] or (assert(tonumber(body), body))
end

function readers.bin(body)
  return ipc.bin(unhex(body))
end

function readers.timestamp(body)
  return ipc.timestamp(body[1], body[2])
end

-- Lua makes no extensions: they come in, and are sent on.
function readers.ext(body)
  local data = unhex(body[2])
  return assert(ipc.unpack(string.pack(">B I4 b", 0xc9, #data, body[1]) .. data))
end

function readers.absent()
  return ipc.absent
end

function readers.handle(name, handles)
  return assert(handles[name], name)
end

function readers.array(body, handles)
  local array = {}
  for i, element in ipairs(body) do
    array[i] = notation.read(element, handles)
  end
  return ipc.array(array)
end

function readers.map(body, handles)
  local map = {}
  for _, pair in ipairs(body) do
    map[notation.read(pair[1])] = notation.read(pair[2], handles)
  end
  return ipc.map(map)
end

--- The value that a notation stands for; handles are those that it may have in it, by name.
function notation.read(value, handles)
  if value == json.null then
    return ipc.null
  end
  value = expand(value)
  if type(value) ~= "table" then
    return value
  end
  local kind, body = next(value)
  return readers[kind](body, handles)
end

-- ---- writing ----

local function write_float(value)
  if value ~= value then
    return "nan"
  end
  return (("%a"):format(value))
end

local function write_array(value)
  local body = setmetatable({}, {__jsontype = "array"})
  for i, element in ipairs(value) do
    body[i] = notation.write(element)
  end
  return {array = body}
end

local function write_map(value)
  local body = setmetatable({}, {__jsontype = "array"})
  for key, element in pairs(value) do
    body[#body + 1] = {notation.write(key), notation.write(element)}
  end
  return {map = body}
end

local function write_table(value)
  local kind = getmetatable(value)
  if kind == ipc.timestamp then
    return {timestamp = {value.sec, value.nsec}}
  elseif kind == ipc.array then
    return write_array(value)
  end
  return kind ~= ipc.map and #value > 0 and write_array(value) or write_map(value)
end

local function write_userdata(value)
  local kind = getmetatable(value)
  if kind == ipc.bin then
    return {bin = hex(value.data)}
  end
  if kind.__name:find("^ipc%.%u") then
    return {handle = true}
  end
  assert(kind == ipc.ext, "no way to write this userdata")
  return {ext = {value.type, hex(value.data)}}
end

--- How a value is written.
function notation.write(value)
  if value == ipc.null then
    return json.null
  elseif math.type(value) == "integer" then
    return {int = ("%d"):format(value)}
  elseif math.type(value) == "float" then
    return {float = write_float(value)}
  elseif type(value) == "table" then
    return write_table(value)
  elseif type(value) == "userdata" then
    return write_userdata(value)
  end
  return value
end

-- ---- comparing ----

local function in_order(value)
  local body = value.map
  if body then
    local pairs_ = {}
    for i, pair in ipairs(body) do
      pairs_[i] = notation.text(pair[1]) .. ": " .. notation.text(pair[2])
    end
    table.sort(pairs_)
    return "{" .. table.concat(pairs_, ", ") .. "}"
  end
  local elements = {}
  for i, element in ipairs(value.array) do
    elements[i] = notation.text(element)
  end
  return "[" .. table.concat(elements, ", ") .. "]"
end

--- One text for each value, whatever the order of a map's pairs.
function notation.text(value)
  if value == json.null then
    return "null"
  end
  value = expand(value)
  if type(value) ~= "table" then
    return type(value) == "string" and ("%q"):format(value) or tostring(value)
  elseif value.map or value.array then
    return in_order(value)
  end
  local kind, body = next(value)
  return kind .. " " .. (type(body) == "table" and table.concat(body, ",") or body)
end

-- What a value in full is called in a pattern.
local function kind_of(value)
  if value == json.null then
    return "null"
  elseif type(value) == "table" then
    return (next(value))
  end
  return ({string = "text", boolean = "bool"})[type(value)]
end

-- Whether the pattern has a pair for this one.
local function has_pair(pattern, pair)
  for _, candidate in ipairs(pattern) do
    if notation.text(candidate[1]) == notation.text(pair[1]) then
      return notation.same(candidate[2], pair[2])
    end
  end
  return false
end

local function same_map(pattern, found)
  for _, pair in ipairs(found) do
    if not has_pair(pattern, pair) then
      return false
    end
  end
  return #pattern == #found
end

local function same_array(pattern, found)
  for i, element in ipairs(found) do
    if pattern[i] == nil or not notation.same(pattern[i], element) then
      return false
    end
  end
  return #pattern == #found
end

--- Whether they are written alike; {any = kind} in the pattern stands for every value of a kind.
function notation.same(pattern, found)
  pattern, found = expand(pattern), expand(found)
  if type(pattern) ~= "table" then
    return notation.text(pattern) == notation.text(found)
  elseif pattern.any then
    return pattern.any == kind_of(found)
  elseif type(found) == "table" and pattern.map and found.map then
    return same_map(pattern.map, found.map)
  elseif type(found) == "table" and pattern.array and found.array then
    return same_array(pattern.array, found.array)
  end
  return notation.text(pattern) == notation.text(found)
end

--- An object as a line of JSON.
function notation.encode(value)
  return next(value) == nil and "{}" or json.encode(value)
end

return notation
