import { getOption, Later } from '@oslo-concurrency/core';
import type { DriverName } from '../lock-options.js';
import type { LockDriver } from './driver.js';

const kernel = new Later<typeof import('./kernel/kernel-driver.js')>(
  import.meta.url,
  './kernel/kernel-driver.js',
  () => import('./kernel/kernel-driver.js'),
);
const lockfile = new Later<typeof import('./lockfile/lockfile-driver.js')>(
  import.meta.url,
  './lockfile/lockfile-driver.js',
  () => import('./lockfile/lockfile-driver.js'),
);

const made = new Map<DriverName, LockDriver>();
let synchronousLockfile: LockDriver | undefined;

// Loaded at the first external lock: who locks within this process waits for none of it (G22).
async function loadDriver(name: DriverName): Promise<LockDriver> {
  const driver =
    name === 'kernel'
      ? await kernel.use(({ kernelDriver }) => kernelDriver())
      : await lockfile.use(({ lockfileDriver }) => lockfileDriver());
  return keep(name, driver);
}

function loadDriverNow(name: DriverName): LockDriver {
  if (name === 'kernel') return keep(name, kernel.now().kernelDriver());
  synchronousLockfile = lockfile.now().lockfileDriver({ synchronous: true });
  return synchronousLockfile;
}

// Two first calls may have loaded it at the same time; one instance is enough for both.
function keep(name: DriverName, driver: LockDriver): LockDriver {
  const first = made.get(name);
  if (first === undefined) made.set(name, driver);
  return first ?? driver;
}

/** The driver a call asked for by name or object, or the configured one; a promise while it must still be loaded. */
export function selectDriver(asked: DriverName | LockDriver | undefined): LockDriver | Promise<LockDriver> {
  if (typeof asked === 'object') return asked;
  const name = asked ?? getOption('lockDriver');
  return made.get(name) ?? loadDriver(name);
}

/** The same for code that cannot wait; the built-in ones answer without promises then. */
export function selectDriverSync(asked: DriverName | LockDriver | undefined): LockDriver {
  if (typeof asked === 'object') return asked;
  const name = asked ?? getOption('lockDriver');
  return (name === 'kernel' ? made.get(name) : synchronousLockfile) ?? loadDriverNow(name);
}
