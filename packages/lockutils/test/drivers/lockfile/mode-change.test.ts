import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { lockfileDriver, synchronousFs } from '@oslo-concurrency/lockutils/drivers';
import { describe, expect, it } from 'vitest';
import type { Grant, Upgrade } from '../../../src/drivers/driver.js';
import { lockDirectory } from '../../support/lock-directory.js';

const lost = (): Error => Object.assign(new Error('EIO: the answer was lost'), { code: 'EIO' });
const here = lockfileDriver({ synchronous: true });

describe('a change of mode of which the system loses the answer', () => {
  it('to exclusive is found out: the holder is exclusive', () => {
    using directory = lockDirectory();
    const request = requestIn(directory.path);
    const rename = (from: string, to: string): void => {
      renameSync(from, to);
      if (/held.x.o1\.[^/\\]*$/.test(to)) throw lost();
    };
    const driver = lockfileDriver({ synchronous: true, fs: { ...synchronousFs, rename } });
    const reader = driver.tryAcquire({ ...request, shared: true }) as Grant;
    const upgrade = reader.upgrade?.() as Upgrade;
    expect(upgrade.attempt()).toBe(true);
    void upgrade.end();
    expect(here.tryAcquire({ ...request, shared: true })).toBeUndefined();
    void reader.release();
    void (here.tryAcquire(request) as Grant).release();
  });

  it('to shared, and that cannot be found out, counts as done: the holder is shared, and its release frees the lock', () => {
    using directory = lockDirectory();
    const request = requestIn(directory.path);
    let blind = false;
    const driver = lockfileDriver({
      synchronous: true,
      fs: {
        ...synchronousFs,
        rename(from, to) {
          renameSync(from, to);
          if (!/held.x.seats$/.test(to)) return;
          blind = true;
          throw lost();
        },
        readdir(folder) {
          if (blind) throw lost();
          return synchronousFs.readdir(folder);
        },
      },
    });
    const writer = driver.tryAcquire(request) as Grant;
    void writer.downgrade?.();
    blind = false;
    const reader = here.tryAcquire({ ...request, shared: true }) as Grant;
    expect(here.tryAcquire(request)).toBeUndefined();
    void reader.release();
    void writer.release();
    void (here.tryAcquire(request) as Grant).release();
  });
});

function requestIn(directory: string) {
  return { name: 'x', path: join(directory, 'x'), shared: false, permits: undefined, label: undefined };
}
