import { script } from './script.js';

/**
 * Releases the lease or leaves the queue, whichever the caller is in, and calls the next waiter. Answers `held` if the
 * lease was there, `queued` for a waiter, else `gone`. A second call finds nothing and changes nothing.
 */
export const leaveScript = script(`
local ends = redis.call('ZSCORE', held, me)
local was = 'gone'
if redis.call('ZREM', queue, me) == 1 then was = 'queued' end
if redis.call('ZREM', held, me) == 1 and tonumber(ends) > now then was = 'held' end
redis.call('HDEL', processes, me)
sweep()
call()
return {was}
`);
