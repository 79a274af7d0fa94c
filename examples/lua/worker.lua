#!/usr/bin/env lua5.4
-- worker ADDRESS: takes jobs from the joinable queue "jobs" until it is deleted. Kill it, and another worker gets what
-- it had not done.
-- Touches the hub at ADDRESS, which is started if there is none.
-- Locks nothing.

local ipc = require "libipc"

local conn <close> = assert(ipc.connect(arg[1]))
local jobs <close> = assert(conn:JoinableQueue "jobs")
for job in jobs:items() do
  print(("job %d: %s%s"):format(job.value.id, job.value.path, job.attempt > 1 and " (again)" or ""))
  io.stdout:flush() -- a job is done when what it was for has happened, not when it waits in a buffer
  job:done()
end
