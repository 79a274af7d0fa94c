#!/usr/bin/env lua5.4
-- collect: takes the partial counts from the queue "results", adds them up, and prints the most frequent words.
-- Touches the hub at $LIBIPC_ADDRESS; words go to standard output, the summary to standard error.
-- Locks nothing.
--
-- A result has the number of its item. The second one of the same number is passed over: a worker was killed after it
-- had put its result and before it had said that the item is done.

local ipc = require "libipc"

local PATIENCE = 120 -- seconds without any result: then somebody is gone for good

local function usage()
  io.stderr:write("usage: collect.lua [--top N | --all]\n")
  os.exit(2)
end

local function parse(args)
  if #args == 0 then
    return 20
  elseif #args == 1 and args[1] == "--all" then
    return math.maxinteger
  elseif #args == 2 and args[1] == "--top" then
    return math.tointeger(args[2]) or usage()
  end
  return usage()
end

local Totals = {}
Totals.__index = Totals

local function new_totals()
  return setmetatable({words = {}, seen = {}, items = 0, twice = 0, again = 0, stop = nil}, Totals)
end

--- Add one value from the queue: a result, or the producer's end.
function Totals:add(value)
  if value["end"] then
    self.stop = value["end"]
  elseif self.seen[value.item] then
    self.twice = self.twice + 1
  else
    self.seen[value.item] = true
    self.items = self.items + 1
    self.again = self.again + (value.attempt > 1 and 1 or 0)
    local words = self.words
    for word, count in pairs(value.words) do
      words[word] = (words[word] or 0) + count
    end
  end
end

function Totals:complete()
  return self.stop and self.items == self.stop.items
end

--- The words, most frequent first; equally frequent ones in alphabetical order.
function Totals:sorted()
  local words = self.words
  local order = {}
  for word in pairs(words) do
    order[#order + 1] = word
  end
  table.sort(order, function(a, b)
    if words[a] ~= words[b] then
      return words[a] > words[b]
    end
    return a < b
  end)
  return order
end

function Totals:print(top)
  local order = self:sorted()
  for rank = 1, math.min(top, #order) do
    io.stdout:write(("%8d %s\n"):format(self.words[order[rank]], order[rank]))
  end
  io.stdout:flush()
  local stop = self.stop
  io.stderr:write(("collect: %d different words in %d lines of %d files, %.1f MB; %.1f s, %.0f lines/s, %.1f MB/s\n")
    :format(#order, stop.lines, stop.files, stop.bytes / 1e6, stop.seconds, stop.lines / stop.seconds,
      stop.bytes / 1e6 / stop.seconds))
  io.stderr:write(("collect: %d items, of which %d were handed out again and %d results came twice\n")
    :format(self.items, self.again, self.twice))
end

local top = parse(arg)
local conn <close> = assert(ipc.connect())
local results <close> = assert(conn:Queue "results")
local totals = new_totals()
for value in results:items(PATIENCE) do
  totals:add(value)
  if totals:complete() then
    break
  end
end
if not totals:complete() then
  error(("after %d s without a result: %d items were counted, of %s"):format(
    PATIENCE, totals.items, totals.stop and totals.stop.items or "an unknown number"))
end
totals:print(top)
