-- Dicts, namespaces, lists, arrays and values in Lua: their methods. Indexes and slices of the table count from 0, and
-- a slice ends before its stop; Lua's count from 1, and end with it.
-- Touches the handles that it is given.
-- Locks what it is told to.

local ipc = require "libipc"
local notation = require "notation"

local methods_container = {}

--- The class of a handle.
function methods_container.class_of(thing)
  return getmetatable(thing).__name:match("^ipc%.(%w+)$")
end

--- What a handle has of its own: a namespace's other names are its user's.
function methods_container.own(thing, name)
  return thing[methods_container.class_of(thing) == "Namespace" and "_" .. name or name]
end

-- ---- opening ----

--- A table's options in Lua's form.
function methods_container.options(given)
  for _, name in ipairs {"value", "values"} do
    if given[name] ~= nil then
      given[name] = notation.read(given[name])
    end
  end
  return given
end

-- ---- indexes ----

local function position(index)
  return math.type(index) == "integer" and index >= 0 and index + 1 or index
end

local function start_of(bound)
  if bound ~= ipc.null then
    return position(bound)
  end
end

-- The last that is in it. Backwards, before -1 there is nothing at all.
local function stop_of(bound, step)
  if bound == ipc.null then
    return nil
  elseif step > 0 then
    return bound >= 0 and bound or bound - 1
  elseif bound == -1 then
    return math.maxinteger
  end
  return bound >= 0 and bound + 2 or bound + 1
end

local function slice_of(start, stop, step)
  step = step ~= ipc.null and step or 1
  return start_of(start), stop_of(stop, step), step
end

-- ---- methods ----

-- Each is called with the handle, the seconds that it may take, the handle's extra and the step's arguments.

-- What a method gives, or nil and a code.
local function result(value, code)
  if value == nil then
    return {fails = code}
  end
  return {value = value}
end

-- A method that has this name in Lua.
local function named(name)
  return function(thing, _, _, ...)
    return result(thing[name](thing, ...))
  end
end

-- One whose first argument is an index.
local function indexed(name)
  return function(thing, _, _, index, ...)
    return result(thing[name](thing, position(index), ...))
  end
end

local function pop(list, _, _, index)
  return result(list:pop(index and position(index)))
end

local function find(list, _, _, value, start, stop)
  local at, code = list:index(value, start and position(start), stop and stop_of(stop, 1))
  return result(at and at - 1, code)
end

local function get_slice(thing, _, _, start, stop, step)
  return result(thing:slice(slice_of(start, stop, step)))
end

local function set_slice(thing, _, _, start, stop, step, values)
  local i, j
  i, j, step = slice_of(start, stop, step)
  return result(thing:set_slice(i, j, values, step))
end

local function delete_slice(thing, _, _, start, stop, step)
  return result(thing:delete_slice(slice_of(start, stop, step)))
end

local function items(dict)
  local all = {}
  for key, value in dict:items() do
    all[#all + 1] = ipc.array {key, value}
  end
  return result(ipc.array(all))
end

local function pop_item(dict)
  local key, value = dict:pop_item()
  if key == nil then
    return result(nil, value)
  end
  return result(ipc.array {key, value})
end

local function get_attribute(space, _, _, name)
  return result(space[name], "key") -- that is what nil means
end

local function set_attribute(space, _, _, name, value)
  space[name] = value
  return {}
end

local function delete_attribute(space, _, _, name)
  if space[name] == nil then
    return result(space:_delete(name)) -- for nil it makes no difference
  end
  space[name] = nil
  return {}
end

local function acquire(numbers, seconds)
  local fence, abandoned = numbers:acquire(seconds)
  if fence == nil then
    return {fails = abandoned} -- a code
  end
  return {gives = notation.write(fence), abandoned = abandoned}
end

local DICT = {
  get = "get", set = "set", delete = "delete", contains = "has", length = "length", keys = "keys", values = "values",
  copy = "copy", pop = "pop", set_default = "set_default", update = "update", get_many = "get_many",
  increment = "incr", compare_set = "compare_set", clear = "clear",
}

local methods = {
  Dict = {items = items, pop_item = pop_item},
  Namespace = {get = get_attribute, set = set_attribute, delete = delete_attribute},
  List = {
    get = indexed "get", set = indexed "set", delete = indexed "delete", insert = indexed "insert", pop = pop,
    increment = indexed "incr", compare_set = indexed "compare_set", append = named "append", extend = named "extend",
    remove = named "remove", index = find, count = named "count", contains = named "has", slice = get_slice,
    set_slice = set_slice, delete_slice = delete_slice, length = named "length", copy = named "copy",
    reverse = named "reverse", sort = named "sort", ["repeat"] = named "times", clear = named "clear",
  },
  Array = {
    get = indexed "get", set = indexed "set", increment = indexed "incr", compare_set = indexed "compare_set",
    slice = get_slice, set_slice = set_slice, length = named "length", copy = named "copy",
    typecode = named "typecode", acquire = acquire, release = named "release", locked = named "locked",
  },
  Value = {
    get = named "get", set = named "set", increment = named "incr", compare_set = named "compare_set",
    typecode = named "typecode", acquire = acquire, release = named "release", locked = named "locked",
  },
}

for name, here in pairs(DICT) do
  methods.Dict[name] = methods.Dict[name] or named(here)
  methods.Namespace[name] = methods.Namespace[name] or named("_" .. here)
end

--- By class and method.
methods_container.methods = methods

return methods_container
