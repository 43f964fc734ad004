import { createRequire } from 'node:module';
import { getOption, registerOption } from '@oslo-concurrency/core';
import type { LockDriver } from './driver.js';

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

type KernelModule = typeof import('./kernel/kernel-driver.js');
type LockfileModule = typeof import('./lockfile/lockfile-driver.js');

const made = new Map<DriverName, LockDriver>();
let synchronousLockfile: LockDriver | undefined;

// Loaded at the first external lock: who imports this package for an internal lock or an error class waits for none
// of it (G22).
async function importDriver(name: DriverName): Promise<LockDriver> {
  const driver =
    name === 'kernel'
      ? (await import('./kernel/kernel-driver.js')).kernelDriver()
      : (await import('./lockfile/lockfile-driver.js')).lockfileDriver();
  return keep(name, driver);
}

function requireDriver(name: DriverName): LockDriver {
  const require = createRequire(import.meta.url);
  if (name === 'kernel') return keep(name, (require('./kernel/kernel-driver.js') as KernelModule).kernelDriver());
  synchronousLockfile = (require('./lockfile/lockfile-driver.js') as LockfileModule).lockfileDriver({
    synchronous: true,
  });
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
  return made.get(name) ?? importDriver(name);
}

/** The same for code that cannot wait; the built-in ones answer without promises then. */
export function selectDriverSync(asked: DriverName | LockDriver | undefined): LockDriver {
  if (typeof asked === 'object') return asked;
  const name = asked ?? getOption('lockDriver');
  return (name === 'kernel' ? made.get(name) : synchronousLockfile) ?? requireDriver(name);
}
