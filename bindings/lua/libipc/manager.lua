-- Managers: what multiprocessing.Manager() is in Python, over a connection.
-- Touches the connection's methods, whose constructors it has, too; a hub when something is first made.
-- Locks nothing: a Lua state is one thread's at a time.

local core = require "libipc.core"
local handles = require "libipc.handles"
local options = require "libipc.options"

local choice, complete = options.choice, options.complete

local Conn = core.classes.Conn

local Manager = {}

local metatable = {__name = "ipc.Manager", __index = Manager}

--- Connect to the hub, and start it if there is none and the address is a name. A second time: nothing.
function Manager:start()
  if not self.conn then
    local conn, code, detail = handles.connect(self.given, self.options)
    if not conn then
      return nil, code, detail
    end
    self.conn = conn
  end
  return true
end

Manager.connect = Manager.start

--- Close the connection, and with it all that was made here. A hub that nobody uses any more ends by itself.
function Manager:shutdown()
  if self.conn then
    self.conn:close()
  end
  return true
end

--- The address under which others reach the same hub; nil: there is none before it was started.
function Manager:address()
  return self.conn and self.conn:address() or self.given
end

-- The connection's constructors, whatever they are: they are what has a capital.
for class, open in pairs(Conn.__index) do
  if class:find("^%u") then
    Manager[class] = function(self, ...)
      local started, code, detail = self:start()
      if not started then
        return nil, code, detail
      end
      return open(self.conn, ...)
    end
  end
end

function metatable:__tostring()
  return ("ipc.Manager: %s"):format(self:address() or "(not started)")
end

-- As a connection: one whose scope an error leaves has failed.
function metatable:__close(failure)
  if self.conn then
    Conn.__close(self.conn, failure)
  end
end

local manager = {}

-- What manager.new() was given: an address, and connect()'s options.
local function sort_out(address, given)
  if type(address) ~= "table" then
    return address, given or {}
  end
  local others = {}
  for option, value in pairs(address) do
    others[option] = value
  end
  others.address = nil
  return address.address, others
end

--- Manager([address] [, options]), or Manager{address = …, …}: the options are connect()'s.
function manager.new(address, given)
  if type(address) == "table" and given ~= nil then
    error("an address goes before the options, or among them", 2)
  end
  address, given = sort_out(address, given)
  if address ~= nil then
    options.check_address(address)
  end
  -- A mistake is told now, not when it connects.
  choice(complete(given, handles.CONNECT_OPTIONS, handles.CONNECT_EXAMPLE), "lane", handles.LANES)
  return setmetatable({given = address, options = given}, metatable)
end

return manager
