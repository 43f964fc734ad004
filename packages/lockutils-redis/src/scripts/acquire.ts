import { script } from './script.js';

/**
 * Grants the lease, or queues for it. ARGV[3]: ttl; ARGV[4]: permits; ARGV[5]: `1` queues, `0` does not; ARGV[6]: the
 * process; ARGV[7]: milliseconds for which the last token is kept.
 *
 * Answers `granted` and the token; or `busy`, a time in milliseconds, what the caller is, and the processes of the
 * holders. It is the `first` waiter, and the time is that until a holder's lease ends; or it is behind one that was
 * `called` and has not come yet, until that one's place ends; or it is `queued` behind one that cannot enter either.
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

local ahead, theirs, place = first()
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
  write(me, now + ttl, ttl, permits, '0', owner)
  keep(queue, ttl)
  keep(processes, ttl)
  ahead = ahead or me
end

local ends = redis.call('ZRANGE', held, 0, 0, 'WITHSCORES')[2]
local stands = ahead == me and 'first' or 'queued'
if ahead ~= me and theirs and admits(theirs) then ends, stands = place, 'called' end
local answer = {'busy', number(math.ceil((tonumber(ends or now) - now) / 1000)), stands}
for _, id in ipairs(redis.call('ZRANGE', held, 0, -1)) do
  local _, _, _, _, holder = read(id)
  answer[#answer + 1] = holder or ''
end
return answer
`);
