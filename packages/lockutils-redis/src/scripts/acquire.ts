import { script } from './script.js';

/**
 * Grants the lease, or queues for it. ARGV[3]: ttl; ARGV[4]: permits; ARGV[5]: `1` queues, `0` does not; ARGV[6]: the
 * process; ARGV[7]: milliseconds for which the last token is kept; ARGV[8]: how long a place in the queue lasts.
 *
 * Answers `granted` and the token; or `busy`, a time in milliseconds, what the caller is, and the processes of the
 * holders. It is the `first` waiter, and the time is that until a holder's lease ends; or it is `queued`, until the place
 * right before it ends. A waiter that lives keeps its place; so only the one behind a dead waiter looks at that end, and
 * then it stands behind the next one that lives, or first.
 *
 * Why no two are granted too much: only the first waiter enters, or a caller that finds no waiter, and only if the holders
 * that are left after the sweep admit it. A request that is repeated because its answer was lost finds its own id: as a
 * holder it is renewed and gets the same token, as a waiter it keeps its place.
 *
 * Why tokens grow: while the server keeps its data, each is above the last one by the counter. If the data is lost, they go
 * on from the server's clock in microseconds. A counter can only pass the clock where more than a million are
 * granted a second or where the clock was set back.
 */
export const acquireScript = script(`
local ttl, permits, queues, owner, memory = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5] == '1', ARGV[6], ARGV[7]
local stay = tonumber(ARGV[8])
local last = redis.call('GET', tokens)
if last and not string.match(last, '^%d+$') then
  return redis.error_reply('WRONGTYPE the key does not hold a token')
end

sweep()
if redis.call('ZSCORE', held, me) then
  local _, _, _, token = read(me)
  keep(held, ttl)
  redis.call('ZADD', held, number(now + ttl), me)
  keep(processes, ttl)
  return {'granted', token}
end

local ahead = first()
if (ahead == me or not ahead) and admits(permits) then
  local token = number(math.max((tonumber(last or '0')) + 1, now))
  redis.call('SET', tokens, token, 'PX', memory)
  redis.call('ZREM', queue, me)
  redis.call('ZADD', held, number(now + ttl), me)
  write(me, now + ttl, ttl, permits, token, owner)
  keep(held, ttl)
  keep(processes, ttl)
  call()
  return {'granted', token}
end

if queues then
  if not redis.call('ZSCORE', queue, me) then
    local newest = redis.call('ZRANGE', queue, -1, -1, 'WITHSCORES')[2]
    redis.call('ZADD', queue, number((tonumber(newest or '0')) + 1), me)
  end
  write(me, now + stay, stay, permits, '0', owner)
  keep(queue, stay)
  keep(processes, stay)
end

local ends = before(me)
local stands = ends and 'queued' or 'first'
if not ends then ends = redis.call('ZRANGE', held, 0, 0, 'WITHSCORES')[2] end
local answer = {'busy', number(math.ceil((tonumber(ends or now) - now) / 1000)), stands}
for _, id in ipairs(redis.call('ZRANGE', held, 0, -1)) do
  local _, _, _, _, holder = read(id)
  answer[#answer + 1] = holder or ''
end
return answer
`);
