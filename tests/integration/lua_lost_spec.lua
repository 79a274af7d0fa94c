-- What with() tells when what it holds is gone before it can be released: the hub died, the object was deleted.
-- Touches hubs of its own, which it kills, and starts anew.
-- Locks what it tests, and nothing else.

local ipc = require "libipc"
local spec = require "spec"

local PATIENCE, fresh, fails = spec.PATIENCE, spec.fresh, spec.fails

local CLASSES = {
  Lock = {}, RLock = {}, Condition = {}, Semaphore = {}, BoundedSemaphore = {}, Array = {typecode = "d", length = 1},
  Value = {typecode = "d"},
}

for class, options in pairs(CLASSES) do
  describe("with() of a " .. class, function()
    local hub_name, conn, name, thing

    before_each(function()
      hub_name, name = fresh "hub", fresh "held"
      conn = assert(ipc.connect(hub_name))
      thing = assert(conn[class](conn, name, options))
    end)
    after_each(function() conn:close() end)

    -- Kill the hub, and let the handle learn it.
    local function lose()
      os.execute(("kill -KILL %d"):format(assert(conn:stat()).pid))
      fails("lost", thing:acquire(PATIENCE))
    end

    it("tells what the function failed with when the hub died", function()
      local function failing()
        lose()
        return nil, "mine", "in my words", 4
      end
      assert.same({n = 4, nil, "mine", "in my words", 4}, table.pack(thing:with(failing)))
    end)

    it("fails with the loss, whether the function saw it or not", function()
      fails("lost", thing:with(function()
        lose()
        return "done"
      end))
      assert.is_not_nil(thing:acquire(PATIENCE)) -- in the next hub
      thing:release()
      fails("lost", thing:with(function()
        os.execute(("kill -KILL %d"):format(assert(conn:stat()).pid))
        return "done"
      end))
    end)

    it("releases nothing in the next hub", function()
      local other <close> = assert(ipc.connect(hub_name))
      local theirs
      local function take_over()
        lose()
        assert(conn:stat()) -- there is a next one
        local found
        repeat
          found = other:stat()
        until found
        theirs = assert(other[class](other, name, options))
        assert(theirs:acquire(PATIENCE))
      end
      fails("lost", thing:with(take_over))
      fails("timeout", thing:acquire(0))
      assert(theirs:release())
      assert.error_matches(function()
        thing:with(function()
          take_over()
          error("on purpose")
        end)
      end, "on purpose", 1, true)
      fails("timeout", thing:acquire(0))
    end)

    it("tells of a deletion, unless the function failed", function()
      fails("mine", thing:with(function()
        assert(conn:unlink(name))
        return nil, "mine", "in my words"
      end))
      local anew = assert(conn[class](conn, name, options))
      fails("deleted", anew:with(function()
        assert(conn:unlink(name))
        return nil, 5
      end))
    end)

    local function release_early()
      fails("mine", thing:with(function()
        thing:release()
        return nil, "mine", "in my words"
      end))
      local _, message = pcall(function() thing:with(function() thing:release() end) end)
      assert.matches("^[^:]*lua_lost_spec%.lua:%d+: .*released", message)
    end
    if class ~= "Semaphore" then -- which may be released without end
      it("raises that the function released it, unless that failed", release_early)
    end
  end)
end

describe("a condition whose hub dies", function()
  it("tells it through with()", function()
    local hub_name = fresh "hub"
    local conn <close> = assert(ipc.connect(hub_name))
    local changed = assert(conn:Condition(fresh "changed"))
    fails("lost", changed:with(function()
      os.execute(("kill -KILL %d"):format(assert(conn:stat()).pid))
      return changed:wait(PATIENCE)
    end))
  end)
end)
