-- Dicts, namespaces, lists, arrays and values.
-- Touches the metatables that libipc.core made for them: methods that ask the hub are in container.c, idioms here.
-- Locks what it is told to.

local core = require "libipc.core"
local classes = require "libipc.classes"
local options = require "libipc.options"
local sync = require "libipc.sync"

local choice, complete, with_name = options.choice, options.complete, options.with_name
local define, name_of, swig_methods = classes.define, classes.name_of, classes.swig_methods
local MODES = classes.MODES

local containers = {}

-- ---- constructors ----

local SIMPLE_OPTIONS = {mode = "either"}
local SIMPLE_EXAMPLE = '{mode = "create"}'
local ARRAY_OPTIONS = {typecode = "", length = 0, values = {}, mode = "either"}
local VALUE_OPTIONS = {typecode = "", value = 0.0, mode = "either"} -- any number

local function dict_opener(names)
  return function(conn, name, given)
    name, given = with_name(name, given)
    return core.open_dict(conn, name, choice(complete(given, SIMPLE_OPTIONS, SIMPLE_EXAMPLE), "mode", MODES), names)
  end
end

local function open_list(conn, name, given)
  name, given = with_name(name, given)
  return core.open_list(conn, name, choice(complete(given, SIMPLE_OPTIONS, SIMPLE_EXAMPLE), "mode", MODES))
end

-- nil: as it is. Blamed on the caller's caller.
local function typecode_of(opts)
  if opts.typecode ~= "" and not opts.typecode:find("^[bBhHiIlLqQfd]$") then
    error("the option typecode is one of b B h H i I l L q Q f d", 3)
  end
  return opts.typecode ~= "" and opts.typecode or nil
end

local function open_array(conn, name, given)
  name, given = with_name(name, given)
  local opts = complete(given, ARRAY_OPTIONS, '{typecode = "d", length = 3}')
  local values = given and given.values
  return core.Array_opened(conn, name, choice(opts, "mode", MODES), typecode_of(opts), false, opts.length, values)
end

local function open_value(conn, name, given)
  name, given = with_name(name, given)
  local opts = complete(given, VALUE_OPTIONS, '{typecode = "d", value = 3}')
  local values = given and given.value and {given.value}
  return core.Array_opened(conn, name, choice(opts, "mode", MODES), typecode_of(opts), true, 0, values or nil)
end

--- By the names of their classes: constructor(conn [, name] [, options]).
containers.constructors = {
  Dict = dict_opener(false),
  Namespace = dict_opener(true),
  List = open_list,
  Array = open_array,
  Value = open_value,
}

-- ---- what they have in common ----

-- A class's methods: SWIG's, and those that ask the hub; and what is for the metatable, by names that begin with __.
local function methods_of(class, swig_class)
  local methods, meta = swig_methods(swig_class), {}
  for name, method in pairs(core.methods[class]) do
    if name:find("^__") then
      meta[name] = method
    else
      methods[name] = method
    end
  end
  return methods, meta
end

-- A loop over a snapshot has no place for a failure: it is raised, where the loop stands.
local function snapshot(self, take)
  local all, _, detail = take(self)
  if all == nil then
    error(detail, 3)
  end
  return all
end

-- The keys and values of a dict as it is now, in the order in which the keys came.
local function pairs_of(take)
  return function(self)
    local all, i = snapshot(self, take), 0
    return function()
      i = i + 1
      local pair = all[i]
      if pair ~= nil then
        return pair[1], pair[2]
      end
    end
  end
end

-- The positions and values of a list or array as it is now.
local function positions_of(take)
  return function(self)
    return ipairs(snapshot(self, take))
  end
end

-- ---- dicts ----

local Dict, dict_meta = methods_of("Dict", "Dict")
Dict.items = pairs_of(Dict.items)
define("Dict", Dict, name_of, "close")
core.classes.Dict.__len = dict_meta.__len
core.classes.Dict.__pairs = Dict.items

-- ---- namespaces ----

-- A dict's methods under names that begin with an underscore: all others are attributes.
local operations = {}
for name, method in pairs(Dict) do
  operations["_" .. name] = method
end

local Namespace = core.classes.Namespace
define("Namespace", operations, function(self) return operations._name(self) or "(unnamed)" end, "_close")
Namespace.__index = core.methods.Namespace.__by_name(operations)
Namespace.__newindex = core.methods.Namespace.__newindex
Namespace.__len = dict_meta.__len
Namespace.__pairs = Dict.items

-- ---- lists ----

local List, list_meta = methods_of("List", "List")
List.items = positions_of(List.values)
define("List", List, name_of, "close")
core.classes.List.__index = list_meta.__by_integer(List)
core.classes.List.__newindex = list_meta.__newindex
core.classes.List.__len = list_meta.__len
core.classes.List.__pairs = List.items

-- ---- arrays and values ----

local function describe(self)
  return ("%s (%s)"):format(name_of(self), self:typecode())
end

-- Their lock is an RLock.
local function add_lock(methods)
  methods.locked, methods.peek = methods.peek, nil
  methods.with = sync.with
end

local Array, array_meta = methods_of("Array", "Array")
add_lock(Array)
Array.items = positions_of(Array.values)
define("Array", Array, describe, "close")
core.classes.Array.__index = array_meta.__by_integer(Array)
core.classes.Array.__newindex = array_meta.__newindex
local length = Array.length
core.classes.Array.__len = function(self) return length(self) end
core.classes.Array.__pairs = Array.items

local Value = methods_of("Value", "Array")
add_lock(Value)
Value.length = nil
define("Value", Value, describe, "close")

return containers
