-- Options: tables of named values, over their defaults.
-- Touches nothing.
-- Locks nothing: a Lua state is one thread's at a time.

local options = {}

local function sorted(words)
  table.sort(words)
  return table.concat(words, ", ")
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

--- The given options over the defaults; what is not among these is a mistake, blamed on the caller's caller.
function options.complete(given, defaults)
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
    all[name] = value
  end
  return all
end

--- open(name, options), open{name = name, …}, open(options) and open() are all fine: the name, and the other options.
function options.with_name(name, given)
  if type(name) ~= "table" then
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
  return name.name, others
end

return options
