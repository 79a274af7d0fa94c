-- An actor of table.json as a program: a step a line in, its result a line out; {"reset": address} begins a new life,
-- {"fail": true} ends it as one that failed: of an error that leaves a script nobody would know.
-- Touches standard input and output, and the hub at its address.
-- Locks nothing: a Lua state is one thread's at a time.

package.path = arg[0]:match("^(.*/)") .. "../?.lua;" .. package.path

local interpreter = require "interpreter"
local ipc = require "libipc"
local notation = require "notation"

local actor

for line in io.lines() do
  local step = assert(notation.parse(line))
  local result = {}
  if step.fail then
    ipc.fail()
    os.exit(1)
  elseif step.reset then
    if actor then
      actor:close()
    end
    actor = interpreter.actor(step.reset)
  else
    result = actor:step(step)
  end
  io.write(notation.encode(result), "\n")
  io.flush()
end
-- without closing: a program's end is a clean one
