import { script } from './script.js';

/**
 * Gives a lease its whole ttl again, ARGV[3], if it has not ended. Answers `renewed` or `gone`.
 *
 * The key's own end is set first. A server that is out of memory refuses a script whose first write may need more, and
 * this one needs none.
 */
export const renewScript = script(`
local ttl = tonumber(ARGV[3])
local ends = redis.call('ZSCORE', held, me)
if not ends or tonumber(ends) <= now then return {'gone'} end
redis.call('PEXPIRE', held, math.max(redis.call('PTTL', held), math.ceil(ttl / 1000) + 500))
redis.call('ZADD', held, number(now + ttl), me)
keep(processes, ttl)
return {'renewed'}
`);
