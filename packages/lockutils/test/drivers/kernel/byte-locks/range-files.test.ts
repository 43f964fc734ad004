import { closeSync, existsSync, openSync, readdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { lock } from '@oslo-concurrency/lockutils';
import { defaultKernelSystem, type KernelSystem, kernelDriver } from '@oslo-concurrency/lockutils/drivers';
import { describe, expect, it } from 'vitest';
import { withRangeFiles } from '../../../../build/drivers/kernel/byte-locks/range-files.js';
import { readEntry } from '../../../../build/drivers/kernel/care/lock-entry.js';
import { triedStatus } from '../../../../build/drivers/kernel/care/lock-status.js';
import { wholeFileDriver, wholeFileSystem } from '../../../fixtures/whole-file-driver.mjs';
import { alone, type GrantAtOnce, type PlaceAtOnce, permit, reader, requestFor } from '../../../support/at-once.js';
import { lockDirectory } from '../../../support/lock-directory.js';

const bytes = (directory: string, kind: string): string[] => {
  const folder = join(directory, '.oslo-concurrency', `${kind}-bytes`, 'x');
  return existsSync(folder) ? readdirSync(folder).sort() : [];
};
const guard = String(2 ** 40);

function draw(directory: string, system?: KernelSystem): PlaceAtOnce {
  const driver = system === undefined ? wholeFileDriver() : kernelDriver({ system });
  return driver.joinQueue?.(requestFor(join(directory, 'x'))) as PlaceAtOnce;
}

function take(directory: string, mode = alone): GrantAtOnce | undefined {
  return wholeFileDriver().tryAcquire(requestFor(join(directory, 'x'), mode)) as GrantAtOnce | undefined;
}

describe('the kernel driver where the system locks whole files only', () => {
  it('G10 tickets come first in the order in which they were drawn, and leave nothing but the guard', () => {
    using directory = lockDirectory();
    const places = [draw(directory.path), draw(directory.path), draw(directory.path)] as const;
    const first = (): boolean[] => places.map((place) => place.isFirst());
    expect(first()).toEqual([true, false, false]);
    places[1].leave();
    expect(first()).toEqual([true, false, false]);
    places[0].leave();
    expect(places[2].isFirst()).toBe(true);
    places[2].leave();
    expect(bytes(directory.path, 'queue')).toEqual([guard]);
  });

  it('G15 the file of a ticket whose owner crashed is no lock, and the next look removes it', () => {
    using directory = lockDirectory();
    const crashed = draw(directory.path, {
      ...wholeFileSystem,
      ...withRangeFiles({ ...wholeFileSystem, unlinkSync: () => {} }),
    });
    crashed.leave();
    expect(bytes(directory.path, 'queue')).toEqual([String(crashed.ticket), guard]);
    const next = draw(directory.path);
    expect(next.isFirst()).toBe(true);
    expect(bytes(directory.path, 'queue')).toEqual([String(next.ticket), guard]);
    next.leave();
  });

  it('G10 a lock on a byte whose file was removed in the meantime counts for nothing', () => {
    using directory = lockDirectory();
    draw(directory.path).leave();
    const file = join(directory.path, '.oslo-concurrency', 'queue-bytes', 'x', '1');
    let removals = 0;
    const other = withRangeFiles({
      ...wholeFileSystem,
      openSync: ((path: string, ...more: [number, number]) => {
        const fd = wholeFileSystem.openSync(path, ...more);
        if (path === file && removals++ === 0) unlinkSync(file);
        return fd;
      }) as KernelSystem['openSync'],
    });
    const places = [draw(directory.path, other), draw(directory.path)] as const;
    expect([removals > 0, places[0].ticket]).toEqual([true, 1]);
    expect(places.map((place) => place.isFirst())).toEqual([true, false]);
    for (const place of places) place.leave();
  });

  it('G10 a look that finds a ticket free removes its file only while nobody else holds it', () => {
    using directory = lockDirectory();
    const place = draw(directory.path, withRangeFiles({ ...wholeFileSystem, unlinkSync: () => {} }));
    place.leave();
    const file = join(directory.path, '.oslo-concurrency', 'queue-bytes', 'x', String(place.ticket));
    let taken: number | undefined;
    const looking = draw(
      directory.path,
      withRangeFiles({
        ...wholeFileSystem,
        unlock(fd, offset, length) {
          wholeFileSystem.unlock(fd, offset, length);
          // The look has just found it free, and has not removed it yet.
          if (taken !== undefined) return;
          taken = openSync(file, 'r+');
          expect(wholeFileSystem.tryLock(taken, 0, 0, false)).toBe(true);
        },
      }),
    );
    looking.isFirst();
    expect([taken !== undefined, existsSync(file)]).toEqual([true, true]);
    closeSync(taken as number);
    looking.leave();
  });

  it('an unlock of a range leaves the bytes before and behind it locked', () => {
    using directory = lockDirectory();
    draw(directory.path).leave();
    const system = withRangeFiles(wholeFileSystem);
    const queue = join(directory.path, '.oslo-concurrency', 'queue', 'x');
    const [own, other] = [system.openSync(queue, 'r+'), system.openSync(queue, 'r+')];
    for (const byte of [3, 5, 7]) expect(system.tryLock(own, byte, 1, false)).toBe(true);
    system.unlock(own, 4, 3);
    expect([3, 5, 7].map((byte) => system.tryLock(other, byte, 1, true))).toEqual([false, true, false]);
    for (const fd of [own, other]) system.closeSync(fd);
  });

  it('G1 permits let in two of three, readers hold together, and neither shares with a writer', () => {
    using directory = lockDirectory();
    const two = [take(directory.path, permit), take(directory.path, permit)];
    expect(two.every((grant) => grant !== undefined)).toBe(true);
    expect(take(directory.path, permit)).toBeUndefined();
    expect(take(directory.path)).toBeUndefined();
    two[0]?.release();
    const third = take(directory.path, permit);
    expect(third).toBeDefined();
    for (const grant of [two[1], third]) grant?.release();
    const readers = [take(directory.path, reader), take(directory.path, reader)];
    expect(readers.every((grant) => grant !== undefined)).toBe(true);
    expect(take(directory.path)).toBeUndefined();
    for (const grant of readers) grant?.release();
    expect(take(directory.path)).toBeDefined();
  });

  it('a lock that is shared is listed as shared, with its holders', async () => {
    using directory = lockDirectory();
    const grant = take(directory.path, reader);
    const system = withRangeFiles(wholeFileSystem);
    const entry = readEntry(system, join(directory.path, 'x'));
    if (entry === undefined) throw new Error('there is no such file');
    expect(triedStatus(system, entry)).toMatchObject({ state: 'shared', holders: [{ pid: process.pid }] });
    grant?.release();
    expect(triedStatus(system, entry)).toMatchObject({ state: 'free', holders: [] });
  });

  it('a lock does not change its kind: downgrade() is refused, and the lock stays exclusive', async () => {
    using directory = lockDirectory();
    const options = { external: true, lockPath: directory.path, driver: wholeFileDriver() };
    await lock('x', options, async (held) => {
      await expect(held.downgrade()).rejects.toMatchObject({ code: 'ERR_LOCK_UNSUPPORTED' });
      expect(take(directory.path, reader)).toBeUndefined();
    });
  });

  it('G15 a lock that is removed at its release takes the files of its bytes with it', async () => {
    using directory = lockDirectory();
    const options = { external: true, lockPath: directory.path, driver: wholeFileDriver(), removeOnRelease: true };
    await lock('x', { ...options, fair: true }, () => {});
    await lock('x', { ...options, permits: 2 }, () => {});
    await lock('x', options, () => {});
    for (const kind of ['queue', 'seats', 'readers']) expect(bytes(directory.path, kind)).toEqual([]);
    expect(existsSync(join(directory.path, 'x'))).toBe(false);
  });

  it('would be seen to lock a range', () => {
    using directory = lockDirectory();
    expect(() => draw(directory.path, wholeFileSystem)).toThrow(/a lock on a range/);
    expect(() => draw(directory.path, defaultKernelSystem).leave()).not.toThrow();
  });
});
