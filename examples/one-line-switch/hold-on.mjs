// How to hold a name on the engine that a URL names; without one, on this machine.
import { mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { lease, lock } from '@oslo-concurrency/lockutils';
import { lockfileLeaseDriver } from '@oslo-concurrency/lockutils/drivers';
import { etcdLeaseDriver, parseEtcdUrl } from '@oslo-concurrency/lockutils-etcd';
import { postgresLeaseDriver } from '@oslo-concurrency/lockutils-postgres';
import { redisLeaseDriver } from '@oslo-concurrency/lockutils-redis';

/** The line that changes. */
const drivers = {
  'file:': (url) => lockfileLeaseDriver({ lockPath: fileURLToPath(url) }),
  'etcd:': (url) => etcdLeaseDriver(parseEtcdUrl(url)),
  'postgres:': (url) => postgresLeaseDriver({ url }),
  'redis:': (url) => redisLeaseDriver({ url }),
};

/** The lease driver of the engine at `url`. */
export function driverOn(url) {
  const driver = drivers[new URL(url).protocol];
  if (driver === undefined) throw new Error(`--on takes a URL of ${Object.keys(drivers).join(', ')} and not ${url}`);
  return driver(url);
}

/** `hold(name, job)` runs the job while it holds the name; `close` disconnects. */
export async function holdOn(url) {
  const onWait = () => console.log('waiting: somebody else is at it');
  if (url === undefined) {
    const lockPath = join(tmpdir(), 'one-line-switch');
    mkdirSync(lockPath, { recursive: true });
    return { hold: (name, job) => lock(name, { external: true, lockPath, onWait }, job), close: async () => {} };
  }
  const driver = driverOn(url);
  return {
    hold: (name, job) => lease(name, { driver, ttl: 15_000, onWait }, job),
    close: async () => driver.close?.(),
  };
}
