-- Pipes in Lua, against a hub of their own.
-- Touches the hub that the first connection starts in the test's run directory.
-- Locks nothing.

local ipc = require "libipc"
local spec = require "spec"

local PATIENCE, fresh, fails = spec.PATIENCE, spec.fresh, spec.fails

local conn

setup(function() conn = assert(ipc.connect(fresh "hub")) end)
teardown(function() conn:close() end)

describe("a pipe", function()
  it("goes both ways, in order", function()
    local a, b = assert(conn:Pipe())
    for i = 1, 100 do
      assert.is_true(a:send(i))
      assert.is_true(b:send({i}, PATIENCE))
    end
    for i = 1, 100 do
      assert.equal(i, b:recv(PATIENCE))
      assert.equal(i, a:recv(PATIENCE)[1])
    end
  end)

  it("tells a null from a failure", function()
    local a, b = assert(conn:Pipe())
    a:send(nil)
    assert.equal(ipc.null, b:recv(PATIENCE))
    fails("empty", b:recv(0))
    fails("empty", b:recv(0.05))
  end)

  it("is polled: without a timeout it only looks", function()
    local a, b = assert(conn:Pipe())
    assert.is_false(b:poll())
    assert.is_false(b:poll(0.05))
    a:send("x")
    assert.is_true(b:poll(PATIENCE))
    assert.is_true(b:poll())
    assert.equal("x", b:recv(0))
    assert.is_false(b:poll())
  end)

  it("ends when the other end is closed and all is read", function()
    local a, b = assert(conn:Pipe())
    a:send("last")
    a:close()
    assert.equal("last", b:recv(PATIENCE))
    fails("eof", b:recv(PATIENCE))
    assert.is_true(b:poll(PATIENCE))
    fails("pipe", b:send("x"))
    fails("closed", a:send("x"))
  end)

  it("ends when the other end is collected", function()
    local b
    do
      local a
      a, b = assert(conn:Pipe())
      a:send(1)
    end
    collectgarbage()
    collectgarbage()
    assert.equal(1, b:recv(PATIENCE))
    fails("eof", b:recv(PATIENCE))
  end)

  it("ends when the other end leaves its scope", function()
    local other
    do
      local a <close>, b = assert(conn:Pipe())
      other = b
      assert.is_true(a:writable())
    end
    fails("eof", other:recv(PATIENCE))
  end)

  it("goes one way without duplex: the first receives", function()
    local a, b = assert(conn:Pipe {duplex = false})
    assert.is_true(a:readable())
    assert.is_false(a:writable())
    assert.is_false(b:readable())
    assert.is_true(b:writable())
    b:send(1)
    assert.equal(1, a:recv(PATIENCE))
    fails("perm", a:send(1))
    fails("perm", b:recv(0))
  end)

  it("with a name has two ends, and no more", function()
    local name = fresh "pipe"
    local a, b = assert(conn:Pipe(name)), assert(conn:Pipe(name))
    fails("busy", conn:Pipe(name))
    a:send("x")
    assert.equal("x", b:recv(PATIENCE))
    assert.equal(name, a:name())
    assert.equal("ipc.Pipe: " .. name, tostring(b))
  end)

  it("with a name has sides", function()
    local name = fresh "sides"
    local b = assert(conn:Pipe(name, {side = "b", duplex = false}))
    local a = assert(conn:Pipe(name, {side = "a", duplex = false}))
    assert.is_true(b:writable())
    b:send("x")
    assert.equal("x", a:recv(PATIENCE))
    assert.is_true(b:flush(PATIENCE))
  end)

  it("is told from a mistake in its options", function()
    assert.error_matches(function() conn:Pipe("x", {side = "c"}) end, 'one of "a", "any", "b"', 1, true)
    assert.error_matches(function() conn:Pipe {side = "a"} end, "no option side", 1, true)
    assert.error_matches(function() conn:Pipe("x", {duplex = 1}) end, "no option duplex of type number", 1, true)
    assert.has_error(function() conn:Pipe(7) end)
  end)

  it("has an end that a ticket opens", function()
    local a, b = assert(conn:Pipe())
    local again = assert(conn:attach(assert(a:share())))
    again:send("through the ticket")
    assert.equal("through the ticket", b:recv(PATIENCE))
    a:close()
    again:send("still held")
    assert.equal("still held", b:recv(PATIENCE))
  end)

  it("refuses what cannot be sent", function()
    local a = assert(conn:Pipe())
    assert.error_matches(function() a:send({cb = print}) end, "at .cb: a value of type function", 1, true)
    assert.has_error(function() a:send() end)
    assert.error_matches(function() a.send(conn, 1) end, "ipc.Pipe expected", 1, true)
  end)
end)
