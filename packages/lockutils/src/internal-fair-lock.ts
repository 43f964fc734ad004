import { ReaderWriterLock } from './local/reader-writer-lock.js';
import { defaultRegistry } from './local/turn-registry.js';

/**
 * The internal lock `name` as a reader/writer lock, all served in order of arrival.
 *
 * Its writers exclude `lock(name)`, fair or not; in oslo a fair and a plain lock of one name do not see each other.
 *
 * oslo's counterpart: `lockutils.internal_fair_lock`.
 */
export function internalFairLock(name: string): ReaderWriterLock {
  return new ReaderWriterLock(name, defaultRegistry);
}
