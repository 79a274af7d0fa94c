-- values.json in Lua: what every value's bytes are, and which bytes are refused.
-- Touches nothing but values.
-- Locks nothing: a Lua state is one thread's at a time.

package.path = debug.getinfo(1, "S").source:match("^@(.*/)") .. "?.lua;" .. package.path

local ipc = require "libipc"
local notation = require "notation"

local LANGUAGE = "lua"
local VALUES = notation.load("values.json")

-- "empty" for IPC_EEMPTY.
local function lua_code(name)
  return name:match("^IPC_E(%u+)$"):lower()
end

-- Lua's maps have no order: a map's pairs may be written in any.
local function check_bytes(written, expected, value)
  if not (type(value) == "table" and value.map and #value.map > 1) then
    assert.equal(expected, written)
    return
  end
  assert.equal(#expected, #written)
  assert.equal(notation.text(value), notation.text(notation.write(ipc.unpack(written))))
end

local function check(case, writes)
  local own = case[LANGUAGE] or {}
  local packed = notation.hex_bytes(case.hex)
  if own.fails then
    local value, code, detail = ipc.unpack(packed)
    assert.is_nil(value)
    assert.equal(lua_code(own.fails), code)
    assert.equal("string", type(detail))
    return
  end
  local value = own.reads
  if value == nil then
    value = case.value
  end
  local read, _, detail = ipc.unpack(packed)
  assert.not_nil(read, detail)
  assert.equal(notation.text(value), notation.text(notation.write(read)))
  local expected = notation.hex_bytes(own.writes or writes)
  check_bytes(ipc.pack(read), expected, value)
  check_bytes(ipc.pack(notation.read(value)), expected, value)
end

-- A value beyond a limit cannot be sent: that is a program's mistake, and raised.
local MISTAKES = {IPC_EDEPTH = "nested deeper than", IPC_EELEMENTS = "values in one"}

local function check_limits(case)
  local packed, value = notation.hex_bytes(case.hex), notation.read(case.value)
  ipc.set_value_limits(case.set)
  local read, code = ipc.unpack(packed)
  local fine, written = pcall(ipc.pack, value)
  if case.fails then
    assert.same({nil, lua_code(case.fails)}, {read, code})
    assert.is_false(fine)
    assert.matches(MISTAKES[case.fails], written, 1, true)
  else
    assert.equal(notation.text(case.value), notation.text(notation.write(read)))
    check_bytes(written, packed, case.value)
  end
end

describe("values", function()
  local before = ipc.value_limits()
  after_each(function() ipc.set_value_limits(before) end)

  for _, case in ipairs(VALUES.values) do
    it("are read and written: " .. case.name, function() check(case, case.hex) end)
  end

  for _, case in ipairs(VALUES.forms) do
    it("of other forms are read: " .. case.name, function() check(case, case.writes) end)
  end

  for _, case in ipairs(VALUES.limits) do
    it("are within limits: " .. case.name, function() check_limits(case) end)
  end

  for _, case in ipairs(VALUES.refused) do
    it("are none and refused: " .. case.name, function()
      local value, code = ipc.unpack(notation.hex_bytes(case.hex))
      assert.is_nil(value)
      assert.equal(lua_code(case.fails or "IPC_EBADMSG"), code)
    end)
  end
end)
