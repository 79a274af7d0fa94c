#!/usr/bin/env lua5.4
-- ask ADDRESS NUMBER...: asks for the squares of numbers through end "b" of the pipe "squares". It may be started
-- before or after the program that answers: answer.c, answer.py or answer.lua.
-- Touches the hub at ADDRESS, which is started if there is none.
-- Locks nothing.

local ipc = require "libipc"

local PATIENCE = 60 -- seconds

local conn <close> = assert(ipc.connect(arg[1]))
local pipe <close> = assert(conn:Pipe("squares", {side = "b"}))
for i = 2, #arg do
  assert(pipe:send(math.tointeger(arg[i])))
  local answer = assert(pipe:recv(PATIENCE))
  print(("%d * %d = %d"):format(answer.number, answer.number, answer.square))
end
