import { getOption } from '@oslo-concurrency/core';
import type { DriverName, LockDriver } from './driver.js';
import { kernelDriver } from './kernel/driver.js';
import { lockfileDriver } from './lockfile/driver.js';

const makers = {
  kernel: () => kernelDriver(),
  lockfile: () => lockfileDriver(),
  // For `lockSync`: answers without promises.
  'lockfile at once': () => lockfileDriver({ synchronous: true }),
};
const made = new Map<keyof typeof makers, LockDriver>();

/** The driver a call asked for by name or object, or the configured one. `atOnce`: it must answer without promises. */
export function selectDriver(asked: DriverName | LockDriver | undefined, atOnce = false): LockDriver {
  if (typeof asked === 'object') return asked;
  const name = asked ?? getOption('lockDriver');
  const key = name === 'lockfile' && atOnce ? 'lockfile at once' : name;
  let driver = made.get(key);
  if (driver === undefined) {
    driver = makers[key]();
    made.set(key, driver);
  }
  return driver;
}
