import { getOption, registerOption } from '@oslo-concurrency/core';
import type { LockDriver } from './driver.js';
import { kernelDriver } from './kernel/kernel-driver.js';
import { lockfileDriver } from './lockfile/lockfile-driver.js';

/** The drivers that are built in, by name. */
export type DriverName = 'kernel' | 'lockfile';

declare module '@oslo-concurrency/core' {
  interface ConfigValues {
    /** The driver of external locks; all processes that share a lock path must use one. */
    lockDriver: DriverName;
  }
}

const names: readonly DriverName[] = ['kernel', 'lockfile'];

registerOption<string>({
  name: 'lockDriver',
  type: 'string',
  default: 'kernel',
  help: 'The mechanism behind external locks. All processes that share a lock path must use the same.',
  env: 'OSLO_LOCK_DRIVER',
  expected: `one of ${names.join(', ')}`,
  accepts: (value) => names.includes(value as DriverName),
});

const made = new Map<DriverName, LockDriver>();

/** The driver a call asked for by name or object, or the configured one. */
export function selectDriver(asked: DriverName | LockDriver | undefined): LockDriver {
  if (typeof asked === 'object') return asked;
  const name = asked ?? getOption('lockDriver');
  let driver = made.get(name);
  if (driver === undefined) {
    driver = make(name);
    made.set(name, driver);
  }
  return driver;
}

function make(name: DriverName): LockDriver {
  return name === 'kernel' ? kernelDriver() : lockfileDriver();
}
