-- Values in Lua: what they are packed into, what comes back, and what is refused.
-- Touches ipc.pack and ipc.unpack alone: no hub.
-- Locks nothing.

local ipc = require "libipc"

local function hex(bytes)
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

local function from_hex(text)
  return (text:gsub("%s", ""):gsub("%x%x", function(digits) return string.char(tonumber(digits, 16)) end))
end

-- A value with all that tells it apart: integer or float, metatable, the order of no key.
local function show(value)
  if value == ipc.null then
    return "null"
  elseif type(value) == "userdata" then
    return ("%s %s"):format(getmetatable(value).__name, hex(value.data))
  elseif type(value) ~= "table" then
    return math.type(value) == "float" and ("%a"):format(value) or ("%q"):format(value)
  end
  local parts = {}
  for key, element in pairs(value) do
    parts[#parts + 1] = ("[%s]=%s"):format(show(key), show(element))
  end
  table.sort(parts)
  local metatable = getmetatable(value)
  return ("%s{%s}"):format(metatable and metatable.__name or "table", table.concat(parts, ","))
end

local function nested(depth, innermost)
  local value = innermost
  for _ = 1, depth do
    value = {value}
  end
  return value
end

-- What is packed, the bytes, and what comes back if that is not the same.
local CASES = {
  {"nil", nil, "c0", ipc.null},
  {"null", ipc.null, "c0"},
  {"true", true, "c3"},
  {"false", false, "c2"},
  {"integer 0", 0, "00"},
  {"integer 127", 127, "7f"},
  {"integer 128", 128, "cc80"},
  {"integer -1", -1, "ff"},
  {"integer -32", -32, "e0"},
  {"integer -33", -33, "d0df"},
  {"integer 65535", 65535, "cdffff"},
  {"integer 2^32", 1 << 32, "cf0000000100000000"},
  {"integer 2^53+1", (1 << 53) + 1, "cf0020000000000001"},
  {"the largest integer", math.maxinteger, "cf7fffffffffffffff"},
  {"the smallest integer", math.mininteger, "d38000000000000000"},
  {"float 3.0", 3.0, "cb4008000000000000"},
  {"float -0.0", -0.0, "cb8000000000000000"},
  {"float 2^53", 2.0 ^ 53, "cb4340000000000000"},
  {"infinity", math.huge, "cb7ff0000000000000"},
  {"empty string", "", "a0"},
  {"string", "caf\u{e9}", "a5636166c3a9"},
  {"string with a zero byte", "a\0b", "a3610062"},
  {"the last character of Unicode", "\u{10ffff}", "a4f48fbfbf"},
  {"string of 32 bytes", ("x"):rep(32), "d920" .. ("78"):rep(32)},
  {"empty bytes", ipc.bin "", "c400"},
  {"bytes", ipc.bin "\0\xff", "c40200ff"},
  {"sequence", {1, "a", true}, "9301a161c3"},
  {"sequence with null", {ipc.null, 2}, "92c002"},
  {"sequence of 16", {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, "dc00100102030405060708090a0b0c0d0e0f10"},
  {"map", {a = 1}, "81a16101"},
  {"map with null", {a = ipc.null}, "81a161c0"},
  {"map with a key of null", {[ipc.null] = 1}, "81c001"},
  {"map with a boolean key", {[true] = 1}, "81c301"},
  {"map with a float key", {[1.5] = 1}, "81cb3ff800000000000001", ipc.map {[1.5] = 1}},
  {"map with an integer key that is no index", {[7] = 1}, "810701", ipc.map {[7] = 1}},
  {"a map marked as one", ipc.map {10, 20}, "82010a0214"},
  {"the empty sequence", ipc.array {}, "90"},
  {"the empty map", ipc.map {}, "80"},
  {"the empty table is a sequence", {}, "90", ipc.array {}},
  {"an array's holes are null", ipc.array {nil, 2}, "92c002", {ipc.null, 2}},
  {"another metatable is passed over", setmetatable({1}, {__len = function() return 9 end}), "9101", {1}},
  {"moment in 32 bits", ipc.timestamp(1), "d6ff00000001"},
  {"moment in 64 bits", ipc.timestamp(1, 1), "d7ff0000000400000001"},
  {"moment before 1970", ipc.timestamp(-1, 5), "c70cff00000005ffffffffffffffff"},
  {"the last moment", ipc.timestamp(math.maxinteger, 999999999), "c70cff3b9ac9ff7fffffffffffffff"},
}

-- Bytes that only others write, and what they are in Lua.
local FOREIGN = {
  {"an integer in 64 bits that needs 8", "cf0000000000000005", 5},
  {"2^63-1 unsigned", "cf7fffffffffffffff", math.maxinteger},
  {"float32", "ca3fc00000", 1.5},
  {"str32", "db0000000161", "a"},
  {"map16", "de0001a16101", {a = 1}},
  {"an integer key and its equal as a float", "8201a161cb3ff0000000000000a162", ipc.map {"b"}},
}

-- Values that cannot be sent, and the words that say why.
local loop = {}
loop.inside = {loop}
local REFUSED = {
  {"a function", print, "a value of type function cannot be sent"},
  {"a function inside", {jobs = {1, 2, {cb = print}}}, "at .jobs[3].cb: a value of type function"},
  {"a function under keys of all kinds", {["two words"] = {[true] = {[-1] = {[1.5] = print}}}},
    'at ["two words"][true][-1][1.5]: a value'},
  {"a coroutine", coroutine.create(print), "type thread"},
  {"foreign userdata", io.stdout, "type FILE* cannot be sent"},
  {"a string that is not UTF-8", "\xff", "not UTF-8; send bytes as ipc.bin(s)"},
  {"a truncated character", "caf\xc3", "not UTF-8"},
  {"a truncated character behind eight of ASCII", "12345678\xe2\x82", "not UTF-8"},
  {"an overlong character", "\xc0\xaf", "not UTF-8"},
  {"an overlong character of three bytes", "\xe0\x80\xaf", "not UTF-8"},
  {"a surrogate", "\xed\xa0\x80", "not UTF-8"},
  {"beyond Unicode", "\xf4\x90\x80\x80", "not UTF-8"},
  {"a key that is not UTF-8", {["\xff"] = 1}, "not UTF-8"},
  {"a table as key", {[{}] = 1}, "a value of type table cannot be a key"},
  {"a function as key", {[print] = 1}, "at [function]: a value of type function"},
  {"tables nested too deep", nested(33, 1), "nested deeper than 32"},
  {"a table inside itself", loop, "nested deeper than 32, or one inside itself"},
  {"an array with a name in it", ipc.array {1, 2, size = 3}, "at .size: an ipc.array holds elements 1 to n"},
  {"a timestamp without nsec", setmetatable({sec = 1}, ipc.timestamp), "a timestamp has the integers sec and nsec"},
  {"a timestamp of floats", setmetatable({sec = 1.5, nsec = 0}, ipc.timestamp), "a timestamp has the integers"},
  {"a timestamp of too many nanoseconds", setmetatable({sec = 1, nsec = 10 ^ 9 // 1 | 0}, ipc.timestamp),
    "0 to 999999999"},
}

-- Bytes that are no value, or none that Lua can hold.
local UNFIT = {
  {"2^63", "cf8000000000000000", "format", "9223372036854775808 is larger than Lua can hold"},
  {"2^64-1 inside", "9181a16bcfffffffffffffffff", "format", "at [1].k: the integer 18446744073709551615"},
  {"2^63 as a key", "81cf800000000000000001", "format", "9223372036854775808"},
  {"NaN as a key", "81cb7ff800000000000001", "format", "NaN"},
  {"no bytes", "", "badmsg", ""},
  {"a reserved byte", "c1", "badmsg", "0xc1"},
  {"a sequence cut off", "9201", "badmsg", ""},
  {"two values", "0101", "badmsg", ""},
  {"a text that is not UTF-8", "a1ff", "badmsg", "UTF-8"},
  {"a header that announces gigabytes", "ddffffffff", "badmsg", ""},
}

describe("values", function()
  for _, case in ipairs(CASES) do
    local name, value, bytes, back = table.unpack(case, 1, 4)
    it("are packed and come back: " .. name, function()
      assert.equal(bytes, hex(ipc.pack(value)))
      if back == nil then
        back = value
      end
      assert.equal(show(back), show(ipc.unpack(from_hex(bytes))))
    end)
  end

  for _, case in ipairs(FOREIGN) do
    local name, bytes, value = table.unpack(case)
    it("of others are read: " .. name, function()
      assert.equal(show(value), show(ipc.unpack(from_hex(bytes))))
    end)
  end

  for _, case in ipairs(REFUSED) do
    local name, value, words = table.unpack(case)
    it("are refused: " .. name, function()
      assert.error_matches(function() ipc.pack(value) end, words, 1, true)
    end)
  end

  for _, case in ipairs(UNFIT) do
    local name, bytes, code, words = table.unpack(case)
    it("that do not fit are a failure: " .. name, function()
      local value, found, detail = ipc.unpack(from_hex(bytes))
      assert.is_nil(value)
      assert.equal(code, found)
      assert.truthy(detail:find(words, 1, true), detail)
    end)
  end

  it("must be given", function()
    assert.has_error(function() ipc.pack() end)
    assert.has_error(function() ipc.unpack(7) end)
  end)

  it("nest 32 deep", function()
    local bytes = ipc.pack(nested(32, 7))
    assert.equal(show(nested(32, 7)), show(ipc.unpack(bytes)))
  end)

  it("keep NaN", function()
    local nan = ipc.unpack(ipc.pack(0 / 0))
    assert.is_true(nan ~= nan)
  end)

  it("are large", function()
    local record = {text = ("\u{20ac}"):rep(30000), bytes = ipc.bin(("\xff"):rep(70000)), list = {}, map = {}}
    for i = 1, 70000 do
      record.list[i] = i * 1000003
      record.map["key" .. i] = i / 2
    end
    assert.equal(show(record), show(ipc.unpack(ipc.pack(record))))
  end)

  it("are sequences however they were built", function()
    local backwards = {}
    for i = 20, 1, -1 do
      backwards[i] = i
    end
    assert.equal("dc0014", hex(ipc.pack(backwards):sub(1, 3)))
    backwards.name = "mixed"
    assert.equal("de0015", hex(ipc.pack(backwards):sub(1, 3)))
    assert.equal(show(backwards), show(ipc.unpack(ipc.pack(backwards))))
    backwards.name, backwards[10] = nil, nil
    assert.equal("de0013", hex(ipc.pack(backwards):sub(1, 3)))
  end)

  it("of 15, 16, 65535 and 65536 pairs have a head of the right size", function()
    for pairs_in, head in pairs {[15] = "8f", [16] = "de0010", [65535] = "deffff", [65536] = "df00010000"} do
      local map = {}
      for i = 1, pairs_in do
        map["k" .. i] = i
      end
      local bytes = ipc.pack(map)
      assert.equal(head, hex(bytes:sub(1, #head // 2)))
      assert.equal(show(map), show(ipc.unpack(bytes)))
    end
  end)

  it("nested in mixed tables take no time that doubles with each level", function()
    local tree = {"leaf"}
    for _ = 1, 30 do
      tree = {tree, "text", class = "x"}
    end
    local started = os.clock()
    ipc.pack(tree)
    assert.is_true(os.clock() - started < 1)
  end)

  it("that were refused leave the next one whole", function()
    assert.has_error(function() ipc.pack({("x"):rep(100), print}) end)
    assert.equal("07", hex(ipc.pack(7)))
  end)
end)

describe("ipc.bin", function()
  it("is bytes with a length, equal to the same bytes", function()
    local bin = ipc.bin("\xff\0")
    assert.equal("\xff\0", bin.data)
    assert.equal("\xff\0", tostring(bin))
    assert.equal(2, #bin)
    assert.is_true(bin == ipc.bin("\xff\0"))
    assert.is_false(bin == ipc.bin("\xff"))
    assert.is_nil(bin.other)
    assert.equal(ipc.bin, getmetatable(bin))
  end)

  it("takes a string", function()
    assert.has_error(function() ipc.bin(7) end)
    assert.has_error(function() ipc.bin() end)
  end)

  it("is a key", function()
    local key, value = next(ipc.unpack(ipc.pack({[ipc.bin "k"] = 1})))
    assert.is_true(key == ipc.bin "k")
    assert.equal(1, value)
  end)

  it("is never confused with text", function()
    assert.equal("a178", hex(ipc.pack("x")))
    assert.equal("c40178", hex(ipc.pack(ipc.bin "x")))
    assert.equal("string", type(ipc.unpack(from_hex "a178")))
    assert.equal("x", ipc.unpack(from_hex "c40178").data)
  end)

  it("does not let strange metatables in", function()
    assert.has_error(function() ipc.pack(setmetatable({}, {__index = 7, __name = "x"}).y.z) end)
    assert.equal("90", hex(ipc.pack(setmetatable({}, ipc.bin))))
    assert.has_error(function() ipc.bin.__index({}, "data") end)
    assert.has_error(function() ipc.bin.__len(io.stdout) end)
    assert.is_false(ipc.bin.__eq({}, io.stdout))
  end)
end)

describe("ipc.ext", function()
  it("comes back as it came: a big integer, a pickle, an extension of nobody", function()
    for _, bytes in ipairs {"d741" .. ("00"):rep(8), "c70344010203", "d42a07", "d5ff0000"} do
      local ext = ipc.unpack(from_hex(bytes))
      assert.equal(ipc.ext, getmetatable(ext))
      assert.equal(bytes, hex(ipc.pack(ext)))
    end
  end)

  it("has a type and data", function()
    local ext = ipc.unpack(from_hex "c70344010203")
    assert.equal(68, ext.type)
    assert.equal("\1\2\3", ext.data)
    assert.equal(3, #ext)
    assert.is_true(ext == ipc.unpack(from_hex "c70344010203"))
    assert.is_false(ext == ipc.unpack(from_hex "c70343010203"))
    assert.equal("ipc.ext: type 68, 3 bytes", tostring(ext))
  end)

  it("is a key only if it is a big integer", function()
    local big = ipc.unpack(from_hex("d741" .. ("00"):rep(8)))
    local pickle = ipc.unpack(from_hex "c70344010203")
    assert.equal("81d741", hex(ipc.pack({[big] = 1}):sub(1, 3)))
    assert.error_matches(function() ipc.pack({[pickle] = 1}) end, "ipc.ext cannot be a key", 1, true)
  end)
end)

describe("ipc.timestamp", function()
  it("compares and prints", function()
    local t = ipc.timestamp(1700000000, 5)
    assert.is_true(t == ipc.timestamp(1700000000, 5))
    assert.is_true(t < ipc.timestamp(1700000000, 6))
    assert.is_true(t <= ipc.timestamp(1700000000, 5))
    assert.is_false(t > ipc.timestamp(1700000001))
    assert.equal("2023-11-14T22:13:20.000000005Z", tostring(t))
    assert.equal("2023-11-14T22:13:20Z", tostring(ipc.timestamp(1700000000)))
    assert.equal("9223372036854775807.000000000", tostring(ipc.timestamp(math.maxinteger)))
    assert.equal(ipc.timestamp, getmetatable(ipc.unpack(ipc.pack(t))))
  end)

  it("takes integers", function()
    assert.has_error(function() ipc.timestamp(1.5) end)
    assert.has_error(function() ipc.timestamp(1, -1) end)
    assert.has_error(function() ipc.timestamp(1, 1000000000) end)
    assert.has_error(function() ipc.timestamp() end)
  end)
end)

describe("ipc.array and ipc.map", function()
  it("mark the table they are given", function()
    local t = {}
    assert.equal(t, ipc.array(t))
    assert.equal(ipc.array, getmetatable(t))
    assert.equal(ipc.map, getmetatable(ipc.map()))
    assert.has_error(function() ipc.array("x") end)
  end)

  it("stay on what comes back where they matter", function()
    local back = ipc.unpack(ipc.pack({list = ipc.array {}, map = ipc.map {}, keyed = ipc.map {"a"}, plain = {1}}))
    assert.equal(ipc.array, getmetatable(back.list))
    assert.equal(ipc.map, getmetatable(back.map))
    assert.equal(ipc.map, getmetatable(back.keyed))
    assert.is_nil(getmetatable(back.plain))
    assert.is_nil(getmetatable(back))
  end)
end)

describe("the module", function()
  it("leaves the global table as it was", function()
    local program = [[
      local before = {}
      for name in pairs(_G) do before[name] = true end
      require "libipc"
      for name in pairs(_G) do assert(before[name], name) end
    ]]
    assert.is_true(os.execute(("lua5.4 -e '%s'"):format(program)))
  end)

  it("can be loaded twice, and values of both are the same kinds", function()
    local before = ipc.bin "x"
    local saved = {}
    for name, module in pairs(package.loaded) do
      if name:find("^libipc") then
        saved[name], package.loaded[name] = module, nil
      end
    end
    local again = require "libipc"
    for name, module in pairs(saved) do
      package.loaded[name] = module
    end
    assert.not_equal(again, ipc)
    assert.equal("c40178", hex(again.pack(before)))
    assert.equal(ipc.bin, again.bin)
  end)

  it("gives memory back, refusals or not", function()
    local function resident_kib()
      local pages = io.open("/proc/self/statm"):read("a"):match("^%d+ (%d+)")
      return tonumber(pages) * 4
    end
    local good, bad = {text = ("x"):rep(3000)}, {("x"):rep(3000), print}
    local bytes = ipc.pack(good)
    local function work(times)
      for _ = 1, times do
        ipc.unpack(ipc.pack(good))
        pcall(ipc.pack, bad)
        ipc.unpack(bytes:sub(1, -2))
      end
      collectgarbage()
      return collectgarbage("count"), resident_kib()
    end
    work(2000)
    local count, resident = work(2000)
    local count_after, resident_after = work(10000)
    assert.is_true(count_after - count < 100, "Lua's own memory grew")
    assert.is_true(resident_after - resident < 4096, "the process grew") -- 10000 leaks of 3 KiB would be 30 MiB
  end)
end)
