#!/usr/bin/env lua5.4
-- answer ADDRESS: squares the numbers that come through end "a" of the pipe "squares", until who asks has gone.
-- Touches the hub at ADDRESS, which is started if there is none.
-- Locks nothing.

local ipc = require "libipc"

local conn <close> = assert(ipc.connect(arg[1]))
local pipe <close> = assert(conn:Pipe("squares", {side = "a"}))
while true do
  local number, code, detail = pipe:recv()
  if code == "eof" then
    break
  end
  assert(number, detail)
  assert(pipe:send {number = number, square = number * number})
end
