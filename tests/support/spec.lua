-- What the specs share: names of their own, what a failure looks like, and programs in Python beside them.
-- Touches Python programs that it starts. Locks nothing.

local assert = require "luassert"

local spec = {
  PATIENCE = 10 -- seconds, for what must come
}

local count = 0

-- A name that no other test uses.
function spec.fresh(what)
  count = count + 1
  return ("lua-%s-%x-%d"):format(what, math.random(0) & 0xffffffff, count)
end

-- That a call failed so: spec.fails("timeout", q:get(0)). Returns what came after the message.
function spec.fails(code, value, found, detail, ...)
  assert.is_nil(value)
  assert.equal(code, found)
  assert.equal("string", type(detail))
  assert.not_equal("", detail)
  return ...
end

--- Until ready() says true; what() tells what it is instead. pause: a queue that nobody puts into.
function spec.await(pause, ready, what)
  for _ = 1, spec.PATIENCE / 0.01 do
    if ready() then
      return
    end
    pause:get(0.01)
  end
  error(what(), 2)
end

local python

--- The interpreter that has the library, or nil.
function spec.python()
  if python == nil then
    python = false
    for _, candidate in ipairs {os.getenv "PYTHON", "/usr/bin/python3", "python3"} do
      if not python and os.execute(candidate .. " -c 'import libipc._core' 2>/dev/null") then
        python = candidate
      end
    end
  end
  return python or nil
end

--- Run a Python program, with conn and name at hand, to its end; what it printed must be "ok".
function spec.run_python(hub_name, name, program)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write("import sys, libipc\nconn = libipc.connect(sys.argv[1])\nname = sys.argv[2]\n", program, "\nprint('ok')\n")
  file:close()
  local pipe = assert(io.popen(("%s %s %s %s 2>&1"):format(spec.python(), path, hub_name, name)))
  local output = pipe:read("a")
  pipe:close()
  os.remove(path)
  assert.equal("ok\n", output)
end

return spec
