#!/usr/bin/env lua5.4
-- hello: one value through a queue, on this program's own hub.
-- Touches the hub, which is started on first use and ends with this program.
-- Locks nothing.

local ipc = require "libipc"

local queue <close> = assert(ipc.Queue())
assert(queue:put {greeting = "hello", numbers = {1, 2, 3}})
local value = assert(queue:get(5))
print(("%s %d %d %d"):format(value.greeting, table.unpack(value.numbers)))
