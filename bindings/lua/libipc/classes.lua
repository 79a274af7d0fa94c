-- What the classes are made of: SWIG's methods, names to print, and what <close> does.
-- Touches the metatables that libipc.core made for them.
-- Locks nothing: a Lua state is one thread's at a time.

local core = require "libipc.core"

local classes = {
  --- The words for how a handle is opened.
  MODES = {either = core.OPEN_EITHER, create = core.OPEN_CREATE, attach = core.OPEN_ATTACH},
}

--- SWIG's functions for a class, without those of SWIG's own.
function classes.swig_methods(class)
  local methods = {}
  for name, method in pairs(getmetatable(core[class])[".instance"][".fn"]) do
    if not name:find("^__") then
      methods[name] = method
    end
  end
  return methods
end

--- Give a class its methods, a name to print, and the method that <close> calls.
function classes.define(class, methods, describe, close)
  close = methods[close]
  local metatable = core.classes[class]
  metatable.__index = methods
  metatable.__tostring = function(self) return ("%s: %s"):format(metatable.__name, describe(self)) end
  metatable.__close = function(self) close(self) end
  return methods
end

--- The usual name to print.
function classes.name_of(handle)
  return handle:name() or "(unnamed)"
end

return classes
