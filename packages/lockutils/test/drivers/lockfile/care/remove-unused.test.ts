import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { lockfileDriver, synchronousFs } from '@oslo-concurrency/lockutils/drivers';
import { describe, expect, it } from 'vitest';
import { removeUnusedFolders } from '../../../../build/drivers/lockfile/care/remove-unused.js';
import { UnseenHold } from '../../../../build/drivers/lockfile/care/unseen-hold.js';
import { newIdentityName } from '../../../../build/owner/identity-name.js';
import { runSync } from '../../../../build/steps.js';
import type { Grant, Place } from '../../../../src/drivers/driver.js';
import { lockDirectory } from '../../../support/lock-directory.js';

const driver = lockfileDriver({ synchronous: true });
const everything = { before: Number.POSITIVE_INFINITY, dryRun: false, abandonedToo: true };

/** A lock of which empty folders are left, so that there is something to clean. */
function leftovers(directory: string): { readonly lockFile: string; inFolder(kind: string): string } {
  const lockFile = join(directory, 'x');
  void (driver.tryAcquire(requestFor(lockFile)) as Grant).release();
  const inFolder = (kind: string): string => join(directory, '.oslo-concurrency', 'lockfile', kind, 'x');
  for (const kind of ['held', 'died-seats']) mkdirSync(inFolder(kind));
  return { lockFile, inFolder };
}

const requestFor = (path: string) => ({ name: 'x', path, shared: false, permits: undefined, label: undefined });

/** Does something once, just before a call is made for that path for the given time. */
function before(call: 'readdir' | 'exists', path: string, time: number, act: () => void): typeof synchronousFs {
  let times = 0;
  const counted = (given: string): void => {
    if (given === path) times += 1;
    if (given === path && times === time) act();
  };
  return {
    ...synchronousFs,
    [call](given: string) {
      counted(given);
      return synchronousFs[call](given);
    },
  };
}

describe('the removal of the leftovers of a lock of the lockfile driver', () => {
  it('G15 leaves a waiter that joins after the first look in the queue, and reports it', () => {
    using directory = lockDirectory();
    const { lockFile, inFolder } = leftovers(directory.path);
    let place: Place | undefined;
    // The first look counts the waiters, the second one clears the queue.
    const fs = before('readdir', inFolder('queue'), 2, () => {
      place = driver.joinQueue?.(requestFor(lockFile)) as Place;
    });
    expect(runSync(removeUnusedFolders(fs, lockFile, everything))).toBe('waited-for');
    expect(place?.isFirst()).toBe(true);
    expect(existsSync(inFolder('queue'))).toBe(true);
    void place?.leave();
    expect(runSync(removeUnusedFolders(synchronousFs, lockFile, everything))).toBe('removed');
    for (const kind of ['held', 'died-seats', 'queue']) expect(existsSync(inFolder(kind))).toBe(false);
  });

  it.runIf(process.platform === 'linux')(
    'G28 wakes a waiter that came while the lock was held to remove its news',
    async () => {
      using directory = lockDirectory();
      const { lockFile } = leftovers(directory.path);
      const hold = new UnseenHold(synchronousFs, lockFile, newIdentityName());
      expect(runSync(hold.take())).toBe(true);
      const place = driver.joinQueue?.(requestFor(lockFile)) as Place;
      let stop = (): void => {};
      const woken = new Promise<void>((resolve) => {
        stop = place.onTurn(resolve);
      });
      expect(driver.tryAcquire(requestFor(lockFile), place)).toBeUndefined();
      runSync(hold.release());
      await woken;
      stop();
      const grant = driver.tryAcquire(requestFor(lockFile), place) as Grant;
      void grant.release();
      void place.leave();
    },
  );

  it('G15 leaves a holder that comes after the first look in the lock, and reports it', () => {
    using directory = lockDirectory();
    const { lockFile, inFolder } = leftovers(directory.path);
    let grant: Grant | undefined;
    const fs = before('exists', inFolder('held'), 1, () => {
      grant = driver.tryAcquire(requestFor(lockFile)) as Grant;
    });
    expect(runSync(removeUnusedFolders(fs, lockFile, everything))).toBe('held');
    expect(driver.tryAcquire(requestFor(lockFile))).toBeUndefined();
    void grant?.release();
  });

  it('changes nothing in a dry run', () => {
    using directory = lockDirectory();
    const { lockFile, inFolder } = leftovers(directory.path);
    expect(runSync(removeUnusedFolders(synchronousFs, lockFile, { ...everything, dryRun: true }))).toBe('removed');
    for (const kind of ['held', 'died-seats']) expect(existsSync(inFolder(kind))).toBe(true);
  });

  it('keeps what was used at the given moment or later', () => {
    using directory = lockDirectory();
    const { lockFile } = leftovers(directory.path);
    expect(runSync(removeUnusedFolders(synchronousFs, lockFile, { ...everything, before: 0 }))).toBe('recent');
  });
});
