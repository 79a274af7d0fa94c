-- wire.json in Lua: every vector decodes to what it means, and encodes to its bytes.
-- Touches nothing but values.
-- Locks nothing: a Lua state is one thread's at a time.

package.path = debug.getinfo(1, "S").source:match("^@(.*/)") .. "?.lua;" .. package.path

local ipc = require "libipc"
local notation = require "notation"

local LANGUAGE = "lua"

-- Whether a map of several pairs is somewhere in it: then Lua may write them in another order.
local function has_pairs(means)
  if type(means) ~= "table" then
    return false
  elseif means.map then
    return #means.map > 1
  end
  for _, element in ipairs(means) do
    if has_pairs(element) then
      return true
    end
  end
  return false
end

local function check(vector)
  local own = vector[LANGUAGE] or {}
  local packed = notation.hex_bytes(vector.hex)
  local value, code, detail = ipc.unpack(packed)
  if own.fails then
    assert.is_nil(value)
    assert.equal(own.fails, "IPC_E" .. code:upper())
    return
  end
  assert.not_nil(value, detail)
  assert.equal(notation.text(vector.means), notation.text(notation.write(value)))
  local written = ipc.pack(notation.read(vector.means))
  if has_pairs(vector.means) then
    assert.equal(#packed, #written)
    assert.equal(notation.text(vector.means), notation.text(notation.write(ipc.unpack(written))))
  else
    assert.equal(packed, written)
  end
end

local WIRE = notation.load("wire.json")

describe("a packet is what it means:", function()
  for _, packet in ipairs(WIRE.packets) do
    it(packet.name, function() check(packet) end)
  end
end)

for _, conversation in ipairs(WIRE.conversations) do
  describe(conversation.name .. ":", function()
    for _, message in ipairs(conversation.messages) do
      if message.by ~= "time" then
        it(("header by the %s at %d"):format(message.by, message.at_us), function() check(message.header) end)
        for _, operation in ipairs(message.operations) do
          it(operation.name, function() check(operation) end)
        end
      end
    end
  end)
end
