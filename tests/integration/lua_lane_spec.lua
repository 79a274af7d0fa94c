-- Which lane a connection takes, and what it says where it cannot have it.
-- Touches two hubs of its own. Locks nothing.

local ipc = require "libipc"
local spec = require "spec"

local fails, fresh, PATIENCE = spec.fails, spec.fresh, spec.PATIENCE

-- How the hub sees this connection's session, which is the youngest one.
local function lane_of(conn)
  local youngest = {session = 0}
  for _, each in ipairs(assert(conn:stat()).who) do
    youngest = each.session > youngest.session and each or youngest
  end
  return youngest.lane
end

describe("a lane", function()
  local name, conn

  setup(function()
    name = fresh "hub"
    conn = assert(ipc.connect(name))
  end)
  teardown(function() conn:close() end)

  it("is the one that was chosen", function()
    for _, lane in ipairs {"shm", "zmq"} do
      local mine <close> = assert(ipc.connect(name, {lane = lane}))
      assert.equal(lane, lane_of(mine))
      local q <close> = assert(mine:Queue())
      for _, value in ipairs {1, ("x"):rep(100000)} do
        assert(q:put(value))
        assert.equal(value, q:get(PATIENCE))
      end
    end
  end)

  it("is what the environment says, else", function()
    local wish = os.getenv("LIBIPC_LANE")
    local mine <close> = assert(ipc.connect(name, {lane = "auto"}))
    assert.equal(wish == "zmq" and "zmq" or "shm", lane_of(mine))
  end)

  it("of memory is not to be had over TCP", function()
    local hub = assert(ipc.hub("tcp://127.0.0.1:*"))
    fails("lane", ipc.connect(hub:address(), {lane = "shm"}))
    local remote <close> = assert(ipc.connect(hub:address(), {lane = "zmq"}))
    assert.equal("zmq", lane_of(remote))
    hub:stop()
  end)

  it("has one of three words", function()
    for _, lane in ipairs {"", "SHM", "tcp"} do
      local ok, words = pcall(ipc.connect, name, {lane = lane})
      assert.is_false(ok)
      assert.matches('the option lane is one of "auto", "shm", "zmq"', words, 1, true)
    end
    assert.has_error(function() ipc.connect(name, {lane = 1}) end)
  end)
end)
