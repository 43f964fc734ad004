import { script } from './script.js';

/** Answers the policy by which the server evicts keys, if its memory is bounded and it does. Changes nothing. */
export const evictionScript = script(`
local info = redis.pcall('INFO', 'memory')
if type(info) ~= 'string' then return {} end
local most, policy = string.match(info, 'maxmemory:(%d+)'), string.match(info, 'maxmemory_policy:([%w-]+)')
if not policy or policy == 'noeviction' or tonumber(most or '0') == 0 then return {} end
return {policy}
`);
