import { nodeCrypto } from '@oslo-concurrency/core';

/** A Lua script, and the digest by which the server knows it. */
export interface Script {
  readonly text: string;
  readonly sha: string;
}

/**
 * What all scripts begin with.
 *
 * KEYS: `held`, a sorted set of the holders' ids by the moment at which each lease ends; `queue`, a sorted set of the
 * waiters' ids by arrival; `processes`, a hash with a record for each id of both; `tokens`, the last token that was granted;
 * and a text that a holder keeps with the name.
 * ARGV[1]: what the channels of the drivers begin with. ARGV[2]: the id of the caller.
 *
 * A record is `<end of the place> <ttl, or how long the place lasts> <permits> <token, 0 for a waiter> <process, in JSON>`. Times are microseconds of
 * the server's clock, which a double holds exactly until the year 2255.
 *
 * A script is one step: the server runs no other command in between. So after each step one of these holds for an id: it
 * is in neither set, it waits in `queue`, or it holds in `held`. A process that dies leaves at most one id, with a moment
 * at which each later step drops it; all keys end by themselves when the last of these moments has passed.
 */
const prelude = `
local held, queue, processes, tokens = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local channels, me = ARGV[1], ARGV[2]
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

local function number(n) return string.format('%.0f', n) end

local function read(id)
  local record = redis.call('HGET', processes, id)
  if not record then return nil end
  local ends, ttl, permits, token, owner = string.match(record, '^(%d+) (%d+) (%d+) (%d+) (.*)$')
  return tonumber(ends), tonumber(ttl), tonumber(permits), token, owner
end

local function write(id, ends, ttl, permits, token, owner)
  redis.call('HSET', processes, id, table.concat({number(ends), number(ttl), number(permits), token, owner}, ' '))
end

-- A key lasts as long as the last thing in it, and half a second more.
local function keep(key, ttl)
  local ms = math.ceil(ttl / 1000) + 500
  if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, ms) end
end

-- Drops the holders whose time is over. A clock that was set back must not make a lease longer than its ttl.
local function sweep()
  local ids = redis.call('ZRANGE', held, 0, -1, 'WITHSCORES')
  for i = 1, #ids, 2 do
    local id, ends = ids[i], tonumber(ids[i + 1])
    local _, ttl = read(id)
    if ends <= now then
      redis.call('ZREM', held, id)
      redis.call('HDEL', processes, id)
    elseif ttl and ends > now + ttl then
      redis.call('ZADD', held, number(now + ttl), id)
    end
  end
end

-- The permits of a waiter and the end of its place; nothing if that is over, and then it has left the queue. A clock that
-- was set back must not make a place longer than it was.
local function place(id)
  local ends, stay, permits, token, owner = read(id)
  if ends and ends > now + stay then
    ends = now + stay
    write(id, ends, stay, permits, token, owner)
  end
  if ends and ends > now then return permits, ends end
  redis.call('ZREM', queue, id)
  redis.call('HDEL', processes, id)
end

-- The first waiter whose time is not over, with its permits.
local function first()
  while true do
    local id = redis.call('ZRANGE', queue, 0, 0)[1]
    if not id then return nil end
    local permits = place(id)
    if permits then return id, permits end
  end
end

-- The end of the place right before that of a waiter, of those whose time is not over; nothing for the first.
local function before(waiter)
  while true do
    local rank = redis.call('ZRANK', queue, waiter)
    if not rank or rank == 0 then return nil end
    local _, ends = place(redis.call('ZRANGE', queue, rank - 1, rank - 1)[1])
    if ends then return ends end
  end
end

-- Whether the holders admit one more that admits this many.
local function admits(permits)
  local ids = redis.call('ZRANGE', held, 0, -1)
  for _, id in ipairs(ids) do
    local _, _, theirs = read(id)
    permits = math.min(permits, theirs or 1)
  end
  return #ids < permits
end

-- Calls the next waiter, and no other. A user processes may not publish is served by the poll.
local function call()
  local id, permits = first()
  if id and admits(permits) then
    redis.pcall('PUBLISH', channels .. string.match(id, '^%x+'), id)
  end
end
`;

/** A script of this package. */
export function script(body: string): Script {
  const text = `${prelude}${body}`;
  let sha: string | undefined;
  return {
    text,
    // At the first use, so that an import loads no cryptography.
    get sha() {
      sha ??= nodeCrypto().createHash('sha1').update(text).digest('hex');
      return sha;
    },
  };
}
