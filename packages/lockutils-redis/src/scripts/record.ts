import { script } from './script.js';

/** Answers the text that is kept with the name, if there is one. KEYS[5]: the text. Changes nothing. */
export const readRecordScript = script(`
local text = redis.call('GET', KEYS[5])
if text then return {text} end
return {}
`);

/** Keeps the text ARGV[3] with the name for ARGV[4] ms, if the caller holds the lease. Answers `written` or `gone`. */
export const writeRecordScript = script(`
local ends = redis.call('ZSCORE', held, me)
if not ends or tonumber(ends) <= now then return {'gone'} end
redis.call('SET', KEYS[5], ARGV[3], 'PX', ARGV[4])
return {'written'}
`);
