import { script } from './script.js';

/** Answers the processes that hold the lease. Changes nothing. */
export const holdersScript = script(`
local answer = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', held, '(' .. number(now), '+inf')) do
  local _, _, _, _, holder = read(id)
  answer[#answer + 1] = holder or ''
end
return answer
`);
