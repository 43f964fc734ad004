import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type LockOptions, lock } from '@oslo-concurrency/lockutils';
import { defaultKernelSystem, kernelDriver, lockfileDriver, synchronousFs } from '@oslo-concurrency/lockutils/drivers';
import { describe, expect, it } from 'vitest';
import { OpenFile } from '../../build/drivers/kernel/files/open-file.js';
import { alone, type GrantAtOnce as Grant, type Mode, permit, reader, requestFor } from '../support/at-once.js';
import { Contender } from '../support/contender.js';
import { lockDirectory } from '../support/lock-directory.js';

const drivers = {
  kernel: () => kernelDriver(),
  lockfile: () => lockfileDriver({ synchronous: true, fs: synchronousFs }),
};

/** Everything that lies in a lock path, with its content. */
function contentOf(directory: string): Record<string, string> {
  const names = readdirSync(directory, { recursive: true }) as string[];
  const files = names.map((name) => join(directory, name)).filter((path) => statSync(path).isFile());
  return Object.fromEntries(files.sort().map((path) => [path, readFileSync(path, 'latin1')]));
}

const ways: [title: string, mode: Mode, become: (grant: Grant) => void][] = [
  ['alone', alone, () => {}],
  ['alone and downgraded', alone, (grant) => grant.downgrade?.()],
  ['as a reader', reader, () => {}],
  [
    'as a reader that became a writer',
    reader,
    (grant) => {
      const upgrade = grant.upgrade?.();
      expect(upgrade?.attempt()).toBe(true);
      upgrade?.end();
    },
  ],
  ['by a permit', permit, () => {}],
];

describe.each(Object.keys(drivers) as (keyof typeof drivers)[])('a grant of driver %s', (name) => {
  describe.each(ways)('that was held %s', (_title, mode, become) => {
    const scene = (directory: string) => {
      const [mine, other] = [drivers[name](), drivers[name]()];
      const path = join(directory, 'x');
      const take = (driver: typeof mine, asked: Mode) =>
        driver.tryAcquire(requestFor(path, asked)) as Grant | undefined;
      return { mine, other, take };
    };

    it.each<[string, Mode]>([
      ['a writer', alone],
      ['a reader', reader],
    ])('G4 changes nothing once it is released, whatever is called and whoever holds it next: %s', (_who, next) => {
      using directory = lockDirectory();
      const { mine, other, take } = scene(directory.path);
      const grant = take(mine, mode) as Grant;
      become(grant);
      const upgrade = grant.upgrade?.();
      grant.release();
      // In this process too: it may get the very descriptor that was released.
      const held = take(mine, next) as Grant;
      expect(held.previousOwnerDied).toBe(false);
      const before = contentOf(directory.path);
      expect(upgrade?.attempt() ?? false).toBe(false);
      upgrade?.end();
      grant.downgrade?.();
      expect(grant.upgrade?.()).toBe(undefined);
      grant.refresh?.(true);
      grant.release({ remove: true });
      grant.release({ unused: true });
      expect(contentOf(directory.path)).toEqual(before);
      expect(take(other, alone)).toBe(undefined);
      const beside = take(other, reader);
      expect(beside !== undefined).toBe(next.shared);
      beside?.release();
      held.release();
      const last = take(other, alone) as Grant;
      expect(last.previousOwnerDied).toBe(false);
      last.release();
      // What becomes of the files then is no news of this lock.
      rmSync(join(directory.path, 'x'), { force: true });
      rmSync(join(directory.path, '.oslo-concurrency'), { recursive: true });
      expect(grant.refresh?.(true)).toBe(true);
      grant.release();
      expect(readdirSync(directory.path)).toEqual([]);
    });
  });
});

describe('a lock that is released while it waits to be upgraded', () => {
  it('G4 G11 leaves the next holder alone, also when no seat could be had for the downgrade before', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, lockPath: directory.path };
    await using other = await Contender.start();
    // A folder in the way of the file in which readers sit.
    mkdirSync(join(directory.path, '.oslo-concurrency', 'readers', 'x'), { recursive: true });
    const held = await lock('x', options);
    await held.downgrade();
    await other.acquire('x', { ...options, shared: true });
    const upgrade = held.upgrade();
    upgrade.catch(() => {});
    await new Promise((resolve) => setImmediate(resolve));
    const released = held.release();
    await other.release('x');
    const next = await lock('x', options);
    await released;
    await expect(upgrade).rejects.toThrow('was released while it waited');
    const beside = other.acquire('x', { ...options, shared: true, blocking: false });
    await expect(beside).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_ACQUIRED' });
    await next.release();
    await other.acquire('x', { ...options, blocking: false });
  });
});

describe('a grant of driver lockfile that was lost', () => {
  it('G4 changes nothing once its release said so: the upgrade of its successor stays what it is', () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    const take = (mode: Mode) => drivers.lockfile().tryAcquire(requestFor(path, mode)) as Grant | undefined;
    const robbed = take(reader);
    const late = robbed?.upgrade?.();
    rmSync(join(directory.path, '.oslo-concurrency', 'lockfile', 'held', 'x'), { recursive: true });
    const successor = take(reader);
    const beside = take(reader);
    const upgrade = successor?.upgrade?.();
    expect(upgrade?.attempt()).toBe(false);
    expect(() => robbed?.release()).toThrow(expect.objectContaining({ code: 'ERR_LOCK_LOST' }));
    late?.end();
    robbed?.downgrade?.();
    robbed?.release();
    beside?.release();
    expect(upgrade?.attempt()).toBe(true);
    upgrade?.end();
    expect(take(reader)).toBeUndefined();
    successor?.release();
    take(alone)?.release();
  });
});

describe('an open file', () => {
  const calls: [string, (file: OpenFile) => unknown][] = [
    ['tryLock', (file) => file.tryLock(0, 0, true)],
    ['unlock', (file) => file.unlock(0, 0)],
    ['read', (file) => file.read(Buffer.alloc(1), 1, 0)],
    ['write', (file) => file.write(Buffer.from('x'), 1, 0)],
    ['stat', (file) => file.stat()],
    ['touch', (file) => file.touch()],
    ['isNamed', (file) => file.isNamed()],
    ['passOn', (file) => file.passOn()],
  ];

  it.each(calls)('does not use its descriptor once it was given back: %s', (_name, call) => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    closeSync(openSync(path, 'w'));
    const numbers: number[] = [];
    const used: number[] = [];
    const system = {
      ...defaultKernelSystem,
      tryLock: (fd: number, ...more: [number, number, boolean]) => {
        used.push(fd);
        return defaultKernelSystem.tryLock(fd, ...more);
      },
      openSync: ((file: string, ...more: [number, number]) => {
        numbers.push(defaultKernelSystem.openSync(file, ...more));
        return numbers.at(-1);
      }) as typeof defaultKernelSystem.openSync,
    };
    const file = OpenFile.open(system, path, 2);
    const heir = file.passOn();
    expect(() => void call(file)).toThrow('EBADF');
    // Gets the number again.
    heir.close();
    const stranger = openSync(path, 'r+');
    expect(stranger).toBe(numbers[0]);
    expect(() => call(heir)).toThrow('EBADF');
    heir.close();
    expect(used).toEqual([]);
    closeSync(stranger);
  });
});
