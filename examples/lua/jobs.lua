#!/usr/bin/env lua5.4
-- jobs ADDRESS COUNT: puts jobs on the joinable queue "jobs", waits until all are done, and tells the workers so by
-- deleting the queue. The workers may be in any language: worker.c, worker.py, worker.lua.
-- Touches the hub at ADDRESS, which is started if there is none.
-- Locks nothing.

local ipc = require "libipc"

local PATIENCE = 60 -- seconds

local address, count = arg[1], math.tointeger(arg[2])
local conn <close> = assert(ipc.connect(address))
local jobs <close> = assert(conn:JoinableQueue "jobs")
for id = 1, count do
  assert(jobs:put {id = id, path = ("image-%d.png"):format(id)})
end
assert(jobs:join(PATIENCE))
assert(conn:unlink "jobs")
print(("%d jobs are done"):format(count))
