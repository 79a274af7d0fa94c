-- Lua and Python on the same queues: what one sends reaches the other as what it was.
-- Touches a hub in the test's run directory, and Python programs that it starts; pending where Python has no libipc.
-- Locks nothing.

local ipc = require "libipc"
local spec = require "spec"

local PATIENCE = spec.PATIENCE

local hub_name = spec.fresh "hub"
local conn, python

setup(function()
  conn = assert(ipc.connect(hub_name))
  for _, candidate in ipairs {"/usr/bin/python3", "python3"} do
    if not python and os.execute(candidate .. " -c 'import libipc._core' 2>/dev/null") then
      python = candidate
    end
  end
end)

teardown(function() conn:close() end)

-- Run a Python program, with conn at hand, while this one does its part; what it printed must be "ok".
local function with_python(program, part)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write("import sys, libipc\nconn = libipc.connect(sys.argv[1])\n", program, "\nprint('ok')\n")
  file:close()
  local pipe = assert(io.popen(("%s %s %s 2>&1"):format(python, path, hub_name)))
  local fine, failure = pcall(part)
  local output = pipe:read("a")
  pipe:close()
  os.remove(path)
  assert(fine, ("%s\nPython said: %s"):format(failure, output))
  assert.equal("ok\n", output)
end

local function it_with_python(name, test)
  it(name, function()
    if not python then
      return pending("no Python here that has libipc")
    end
    return test()
  end)
end

describe("Lua and Python", function()
  it_with_python("give each other's values back unchanged", function()
    with_python([==[
import datetime, math
there, back = conn.Queue("there"), conn.Queue("back")
utc = datetime.timezone.utc
values = [
    None, True, False, 0, -1, 2**63 - 1, -2**63, 3.0, -0.0, 1e308, math.inf,
    "", "caf\u00e9 \U0001f600 \0", b"", b"\xff\0", [], {}, [[]], [{}], [None, 1], {"a": None},
    {1: "one", 2: "two"}, {True: 1.5}, {b"k": b"v"}, {"deep": [{"x": [b"y"]}]},
    datetime.datetime(2024, 5, 6, 7, 8, 9, 123456, utc), datetime.datetime(1950, 1, 1, tzinfo=utc), 10**30, -10**40,
    "x" * 100000, b"\xfe" * 100000, list(range(1000)), {str(i): i for i in range(1000)},
]
for value in values:
    there.put(value)
def exact(value):  # tells 1 from 1.0 and True, but not the order of keys, which Lua's tables do not keep
    if isinstance(value, dict):
        return sorted((exact(key), exact(each)) for key, each in value.items())
    return [exact(each) for each in value] if isinstance(value, list) else repr(value)

for value in values:
    got = exact(back.get(timeout=10))
    assert got == exact(value), (repr(value)[:80], repr(got)[:80])
there.put("end")
]==], function()
      local there, back = assert(conn:Queue("there")), assert(conn:Queue("back"))
      for value in there:items(PATIENCE) do
        if value == "end" then
          return
        end
        back:put(value)
      end
      error("Python did not come to its end")
    end)
  end)

  it_with_python("differ in integers above 2^63-1: a failure here, and the item can still be finished", function()
    with_python([==[
plain, jobs = conn.Queue("plain"), conn.JoinableQueue("jobs")
for queue in plain, jobs, jobs:
    queue.put([2**63 - 1, {"n": 2**63}])
    queue.put("next")
jobs.join(timeout=10)
]==], function()
      local plain, jobs = assert(conn:Queue("plain")), assert(conn:JoinableQueue("jobs"))
      local value, code, detail = plain:get(PATIENCE)
      assert.is_nil(value)
      assert.equal("format", code)
      assert.truthy(detail:find("at [2].n: the integer 9223372036854775808", 1, true), detail)
      assert.equal("next", plain:get(PATIENCE))

      local item = assert(jobs:take(PATIENCE))
      assert.error_matches(function() return item.value end, "at [2].n: the integer 9223372036854775808", 1, true)
      item:done()
      jobs:take(PATIENCE):done()
      assert.equal("format", select(2, jobs:get(PATIENCE)))
      assert.equal("next", jobs:get(PATIENCE))
      jobs:task_done()
      jobs:task_done()
      assert.is_true(jobs:join(PATIENCE))
    end)
  end)

  it_with_python("share a pipe, and its end", function()
    with_python([==[
pipe = conn.Pipe("pipe", end="a")
pipe.send({"from": "python"})
assert pipe.recv() == {"from": "lua"}
pipe.close()
]==], function()
      local pipe = assert(conn:Pipe("pipe", {side = "b"}))
      assert.equal("python", assert(pipe:recv(PATIENCE)).from)
      pipe:send({from = "lua"})
      assert.equal("eof", select(2, pipe:recv(PATIENCE)))
    end)
  end)
end)
