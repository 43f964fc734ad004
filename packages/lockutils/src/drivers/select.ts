import { getOption } from '@oslo-concurrency/core';
import type { DriverCare } from './care.js';
import type { DriverName, LockDriver } from './driver.js';
import { cleanLockFiles } from './kernel/care/clean.js';
import { changingFiles, listLockFiles } from './kernel/care/list.js';
import { type InheritableDriver, inheritableKernelDriver, kernelDriver } from './kernel/driver.js';
import { cleanLockFolders } from './lockfile/care/clean.js';
import { changingFolders, listLockFolders } from './lockfile/care/list.js';
import { lockfileDriver } from './lockfile/driver.js';

const makers = {
  kernel: () => kernelDriver(),
  lockfile: () => lockfileDriver(),
  // For `lockSync`: a driver that never returns promises.
  'lockfile at once': () => lockfileDriver({ synchronous: true }),
};
const made = new Map<keyof typeof makers, LockDriver>();

/**
 * The driver that the call gave by name or as an object, or the configured one. `atOnce`: it must not return promises.
 */
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

const cares: { readonly [name in DriverName]: DriverCare } = {
  kernel: { list: listLockFiles, changing: changingFiles, clean: cleanLockFiles },
  lockfile: { list: listLockFolders, changing: changingFolders, clean: cleanLockFolders },
};

/** How the locks of a driver are listed and cleaned. */
export function careOf(name: DriverName): DriverCare {
  return cares[name];
}

/** The driver whose locks a command may inherit from this process; only the kernel driver can do that. */
export function inheritableDriver(): InheritableDriver {
  return inheritableKernelDriver();
}
