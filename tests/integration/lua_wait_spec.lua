-- Waiting for several things, descriptors, and bytes through pipes in Lua, against a hub of their own.
-- Touches the hub that the first connection starts in the test's run directory.
-- Locks nothing.

local ipc = require "libipc"
local spec = require "spec"

local PATIENCE, fresh, fails = spec.PATIENCE, spec.fresh, spec.fails

local conn

setup(function() conn = assert(ipc.connect(fresh "hub")) end)
teardown(function() conn:close() end)

describe("a descriptor", function()
  it("is an integer, the same each time", function()
    local q = assert(conn:Queue())
    local a, b = assert(conn:Pipe())
    local seen = {}
    for _, handle in ipairs {q, a, b} do
      local fd = assert(handle:fd())
      assert.equal("integer", math.type(fd))
      assert.is_true(fd > 2)
      assert.equal(fd, handle:fd())
      assert.is_nil(seen[fd])
      seen[fd] = true
    end
    assert.is_nil(q.fileno)
  end)

  it("is readable while there is something to get", function()
    local q = assert(conn:Queue())
    local fd = assert(q:fd())
    assert.same({}, ipc.wait({fd}, 0))
    q:put(1)
    q:put(2)
    assert.same({fd}, ipc.wait({fd}, PATIENCE))
    assert.same({fd}, ipc.wait({fd}, PATIENCE))
    assert.equal(1, q:get(PATIENCE))
    assert.same({fd}, ipc.wait({fd}, PATIENCE))
    assert.equal(2, q:get(PATIENCE))
    assert.same({}, ipc.wait({fd}, 0.05))
  end)

  it("is of no closed handle", function()
    local q = assert(conn:Queue())
    q:close()
    fails("closed", q:fd())
  end)
end)

describe("wait", function()
  it("gives those that are ready, in their order", function()
    local q, jobs = assert(conn:Queue()), assert(conn:JoinableQueue())
    local a, b = assert(conn:Pipe())
    local things = {q, jobs, a, b}
    assert.same({}, ipc.wait(things, 0))
    assert.same({}, ipc.wait(things, 0.05))
    a:send("x")
    local ready = assert(ipc.wait(things, PATIENCE))
    assert.equal(1, #ready)
    assert.equal(b, ready[1])
    jobs:put(1)
    q:put(2)
    local function all()
      local found = assert(ipc.wait(things, PATIENCE))
      return #found == 3 and found
    end
    local found
    repeat
      found = all()
    until found
    assert.is_true(found[1] == q and found[2] == jobs and found[3] == b)
    assert.equal("x", b:recv(0))
  end)

  it("sees the ends of pipes and queues", function()
    local a, b = assert(conn:Pipe())
    local q = assert(conn:Queue())
    assert.same({}, ipc.wait({a, q}, 0))
    b:close()
    assert.equal(a, ipc.wait({a, q}, PATIENCE)[1])
    fails("eof", a:recv(0))
    q:shutdown()
    local ready = assert(ipc.wait({q}, PATIENCE))
    assert.equal(q, ready[1])
    fails("shutdown", q:get(0))
  end)

  it("wakes up for what others put", function()
    local name = fresh "others"
    local q, never = assert(conn:Queue(name)), assert(conn:Queue())
    local program = ([[require "libipc".connect("%s"):Queue("%s"):put("here")]]):format(conn:address(), name)
    local pipe = assert(io.popen(("lua5.4 -e '%s'"):format(program)))
    local ready = assert(ipc.wait({never, q}, PATIENCE))
    assert.is_true(#ready == 1 and ready[1] == q)
    assert.equal("here", q:get(0))
    assert.is_true(pipe:close())
  end)

  it("refuses what cannot be waited for", function()
    local q = assert(conn:Queue())
    local simplex, sender = assert(conn:Pipe {duplex = false})
    for _, thing in ipairs {"q", {}, print, conn, io.stdout, 1.5, true} do
      assert.error_matches(function() ipc.wait({q, thing}, 0) end, "at [2]: a queue, a pipe's end or", 1, true)
    end
    assert.error_matches(function() ipc.wait({q, 1 << 20}, 0) end, "not open", 1, true)
    assert.has_error(function() ipc.wait({-1}, 0) end)
    assert.has_error(function() ipc.wait() end)
    assert.has_error(function() ipc.wait(q, 0) end)
    assert.has_error(function() ipc.wait({q}, -1) end)
    assert.error_matches(function() ipc.wait {} end, "nothing to wait for, for ever", 1, true)
    assert.same({}, ipc.wait({}, 0))
    fails("perm", ipc.wait({sender}, 0))
    q:close()
    fails("closed", ipc.wait({simplex, q}, 0))
  end)

  it("keeps what it waits for, whatever a hook does to the list", function()
    local things = {assert(conn:Queue()), assert(conn:Queue())}
    local turns = 0
    debug.sethook(function()
      turns = turns + 1
      if turns == 2 then
        things[1], things[2] = nil, nil
        collectgarbage()
        collectgarbage()
      end
    end, "c")
    local ready = ipc.wait(things, 0.5)
    debug.sethook()
    assert.same({}, ready)
    assert.is_nil(things[1])
  end)
end)

describe("bytes", function()
  it("go through a pipe as they are", function()
    local a, b = assert(conn:Pipe())
    for _, bytes in ipairs {"", "x", "\0\xff\n", ("ab\0"):rep(5000), ("z"):rep(1 << 20)} do
      assert.is_true(a:send_bytes(bytes))
      assert.is_true(b:recv_bytes(nil, PATIENCE) == bytes)
    end
    a:send_bytes(ipc.bin "bin")
    assert.equal("bin", b:recv_bytes(3, PATIENCE))
  end)

  it("can be a part of a string", function()
    local a, b = assert(conn:Pipe())
    local function sent(...)
      assert.is_true(a:send_bytes(...))
      return b:recv_bytes(nil, PATIENCE)
    end
    assert.equal("cdef", sent("abcdef", 3))
    assert.equal("cd", sent("abcdef", 3, 4))
    assert.equal("ef", sent("abcdef", -2))
    assert.equal("ab", sent("abcdef", nil, 2))
    assert.equal("", sent("abcdef", 9))
    assert.equal("bc", sent(ipc.bin "abc", 2, 3, PATIENCE))
  end)

  it("are what recv calls ipc.bin", function()
    local a, b = assert(conn:Pipe())
    a:send_bytes("one")
    assert.is_true(b:recv(PATIENCE) == ipc.bin "one")
    a:send(ipc.bin "two")
    assert.equal("two", b:recv_bytes(nil, PATIENCE))
  end)

  it("that are too long stay where they are", function()
    local a, b = assert(conn:Pipe())
    a:send_bytes("abcdef")
    assert.equal(6, fails("toosmall", b:recv_bytes(5, PATIENCE)))
    assert.equal(6, fails("toosmall", b:recv_bytes(0, PATIENCE)))
    assert.equal("abcdef", b:recv_bytes(6, PATIENCE))
    fails("empty", b:recv_bytes(6, 0))
    fails("empty", b:recv_bytes(nil, 0.05))
  end)

  it("are told from values", function()
    local a, b = assert(conn:Pipe())
    a:send("text")
    fails("type", b:recv_bytes(nil, PATIENCE))
    assert.equal("text", b:recv(PATIENCE))
    a:close()
    fails("eof", b:recv_bytes(nil, PATIENCE))
    fails("pipe", b:send_bytes("x"))
  end)

  it("are what is given, or a mistake", function()
    local a = assert(conn:Pipe())
    for _, wrong in ipairs {1, {}, ipc.null, print} do
      assert.has_error(function() a:send_bytes(wrong) end)
      assert.has_error(function() a:send_bytes(wrong, 1) end)
    end
    assert.has_error(function() a:send_bytes() end)
    assert.has_error(function() a:send_bytes("x", "one") end)
    assert.has_error(function() a:recv_bytes(-1) end)
    assert.has_error(function() a:recv_bytes(1.5) end)
    assert.error_matches(function() a.recv_bytes(conn) end, "ipc.Pipe expected", 1, true)
  end)
end)
