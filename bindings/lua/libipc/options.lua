-- Options: tables of named values, over their defaults.
-- Touches nothing.
-- Locks nothing: a Lua state is one thread's at a time.

local options = {}

local function sorted(words)
  table.sort(words)
  return table.concat(words, ", ")
end

-- What a value is, in words: "a number", "an ipc.Conn".
local function kind(value)
  local metatable = getmetatable(value)
  local name = type(metatable) == "table" and rawget(metatable, "__name") or type(value)
  return name == "nil" and name or (name:find("^[aeiou]") and "an " or "a ") .. name
end

options.kind = kind

--- That f is a function, or is called as one; what: who calls it, in words. Blamed on the caller's caller.
function options.check_function(f, what)
  local metatable = getmetatable(f)
  if type(f) ~= "function" and not (type(metatable) == "table" and metatable.__call) then
    error(("%s a function, not %s"):format(what, kind(f)), 3)
  end
end

--- That a timeout is one. Blamed on the caller's caller.
function options.check_timeout(timeout)
  if timeout ~= nil and not (type(timeout) == "number" and timeout >= 0) then
    error("a timeout is a number of seconds, 0 or more, or nil for ever", 3)
  end
end

--- That an address is one. Blamed on the caller's caller.
function options.check_address(address)
  if type(address) ~= "string" then
    error(("an address is a string, not %s"):format(kind(address)), 3)
  end
end

--- What one of several words stands for; any other is a mistake, blamed on the caller's caller.
function options.choice(given, name, choices)
  local chosen = choices[given[name]]
  if chosen == nil then
    local known = {}
    for word in pairs(choices) do
      known[#known + 1] = ("%q"):format(word)
    end
    error(("the option %s is one of %s"):format(name, sorted(known)), 3)
  end
  return chosen
end

-- Defaults that are integers are of what is counted.
local function check_count(name, value, default)
  if math.type(default) == "integer" and (math.tointeger(value) or -1) < 0 then
    error(("the option %s is an integer of 0 or more, not %s"):format(name, value), 4)
  end
end

--- The given options over the defaults; what is not among these is a mistake, blamed on the caller's caller. The
--- example is for who gives no table.
function options.complete(given, defaults, example)
  if given ~= nil and type(given) ~= "table" then
    error(("options are a table, such as %s, not %s"):format(example, kind(given)), 3)
  end
  local all = {}
  for name, value in pairs(defaults) do
    all[name] = value
  end
  for name, value in pairs(given or {}) do
    if type(value) ~= type(defaults[name]) then
      local known = {}
      for word, default in pairs(defaults) do
        known[#known + 1] = ("%s (%s)"):format(word, type(default))
      end
      error(("no option %s of type %s here; there are: %s"):format(tostring(name), type(value), sorted(known)), 3)
    end
    check_count(name, value, defaults[name])
    all[name] = value
  end
  return all
end

-- That a name is one, or none. Blamed on the caller's caller's caller.
local function check_name(name)
  if name ~= nil and type(name) ~= "string" then
    error(("a name is a string, not %s"):format(kind(name)), 4)
  elseif name and name:find("\0", 1, true) then
    error("a name has no zero byte in it", 4)
  end
end

--- open(name, options), open{name = name, …}, open(options) and open() are all fine: the name, and the other options.
function options.with_name(name, given)
  if type(name) ~= "table" then
    check_name(name)
    return name, given
  end
  if given ~= nil then
    error("a name goes before the options, or among them", 3)
  end
  local others = {}
  for option, value in pairs(name) do
    others[option] = value
  end
  others.name = nil
  check_name(name.name)
  return name.name, others
end

return options
