-- What the specs share: names of their own, and what a failure looks like.
-- Touches nothing. Locks nothing.

local assert = require "luassert"

local spec = {
  PATIENCE = 10 -- seconds, for what must come
}

local count = 0

-- A name that no other test uses.
function spec.fresh(what)
  count = count + 1
  return ("lua-%s-%x-%d"):format(what, math.random(0) & 0xffffffff, count)
end

-- That a call failed so: spec.fails("timeout", q:get(0)). Returns what came after the message.
function spec.fails(code, value, found, detail, ...)
  assert.is_nil(value)
  assert.equal(code, found)
  assert.equal("string", type(detail))
  assert.not_equal("", detail)
  return ...
end

return spec
