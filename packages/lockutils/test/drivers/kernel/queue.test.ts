import { closeSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type LockOptions, lock, type Place } from '@oslo-concurrency/lockutils';
import { defaultKernelSystem, type KernelSystem, kernelDriver } from '@oslo-concurrency/lockutils/drivers';
import { describe, expect, it } from 'vitest';
import { stoppedPatience } from '../../../build/drivers/kernel/tickets.js';
import { type PlaceAtOnce, requestFor } from '../../support/at-once.js';
import { Contender } from '../../support/contender.js';
import { lockDirectory } from '../../support/lock-directory.js';

const ringStart = 64;
const ringSize = 1024;
const entryBytes = 32;

const queueIn = (directory: string): string => join(directory, '.oslo-concurrency', 'queue', 'x');

function draw(directory: string, system: KernelSystem = defaultKernelSystem): PlaceAtOnce {
  return kernelDriver({ system }).joinQueue?.(requestFor(join(directory, 'x'))) as PlaceAtOnce;
}

/** Resolves when a place that was drawn before passes those that are stopped. */
async function patienceEnds(): Promise<void> {
  const drawn = performance.now();
  await expect.poll(() => performance.now() - drawn > stoppedPatience + 50).toBe(true);
}

/** The real system, which notes the names of its calls. */
function counting(calls: string[]): KernelSystem {
  const counted = Object.entries(defaultKernelSystem).map(([name, call]) => [
    name,
    (...args: unknown[]) => {
      calls.push(name);
      return (call as (...args: unknown[]) => unknown)(...args);
    },
  ]);
  return Object.fromEntries(counted) as KernelSystem;
}

function overwrite(path: string, bytes: Uint8Array, position: number): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, bytes, 0, bytes.length, position);
  closeSync(fd);
}

function counter(next: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(next);
  return bytes;
}

describe('G10 a fair caller of the kernel driver', () => {
  const fairIn = (lockPath: string): LockOptions => ({ external: true, fair: true, blocking: false, lockPath });

  it('G10 draws no ticket while nobody waits, and makes at most twelve system calls', async () => {
    using directory = lockDirectory();
    const calls: string[] = [];
    const options = { ...fairIn(directory.path), driver: kernelDriver({ system: counting(calls) }) };
    await lock('x', options, () => {});
    calls.length = 0;
    await lock('x', options, () => {});
    expect(calls.length).toBeLessThanOrEqual(12);
    expect(calls.filter((name) => /openSync|closeSync|unlinkSync/.test(name))).toEqual([]);
    expect(draw(directory.path).ticket).toBe(0);
  });

  it('G10 passes no waiter, although the lock is free', async () => {
    using directory = lockDirectory();
    const waiter = draw(directory.path);
    await expect(lock('x', fairIn(directory.path))).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_ACQUIRED' });
    waiter.leave();
    await lock('x', fairIn(directory.path), () => {});
  });

  it('G10 wakes the first waiter when it releases a lock that it acquired without a ticket', async () => {
    using directory = lockDirectory();
    const calls: string[] = [];
    const driver = kernelDriver({ system: counting(calls) });
    const held = await lock('x', { ...fairIn(directory.path), driver });
    const waiter = draw(directory.path) as PlaceAtOnce & Pick<Place, 'ask'>;
    expect([waiter.isFirst(), waiter.ask?.()]).toEqual([true, true]);
    expect(calls).not.toContain('lutimesSync');
    await held.release();
    expect(calls).toContain('lutimesSync');
    waiter.leave();
  });
});

describe('G10 the queue file of the kernel driver', () => {
  it('G10 a drawer that finds the queue file removed draws from the one that the name leads to', () => {
    using directory = lockDirectory();
    draw(directory.path).leave();
    let removals = 0;
    const first = draw(directory.path, {
      ...defaultKernelSystem,
      openSync: ((path: string, ...more: [number, number]) => {
        const fd = defaultKernelSystem.openSync(path, ...more);
        if (path === queueIn(directory.path) && removals === 0) {
          removals += 1;
          unlinkSync(path);
        }
        return fd;
      }) as KernelSystem['openSync'],
    });
    expect(removals).toBe(1);
    const second = draw(directory.path);
    expect([first.isFirst(), second.isFirst()]).toEqual([true, false]);
    first.leave();
    expect(second.isFirst()).toBe(true);
    second.leave();
  });

  it.each([
    ['all its bits are set', 2n ** 64n - 1n],
    ['it leads beyond the guard', 2n ** 40n + 5n],
    ['it leads just below the guard', 2n ** 40n - 1n],
  ])('G10 a newcomer is behind those who wait when the counter was damaged: %s', (_how, value) => {
    using directory = lockDirectory();
    for (let round = 0; round < 5; round += 1) draw(directory.path).leave();
    const first = draw(directory.path);
    overwrite(queueIn(directory.path), counter(value), 0);
    const second = draw(directory.path);
    const third = draw(directory.path);
    expect([second.ticket, third.ticket]).toEqual([first.ticket + 1, first.ticket + 2]);
    expect([first, second, third].map((place) => place.isFirst())).toEqual([true, false, false]);
    first.leave();
    expect([second, third].map((place) => place.isFirst())).toEqual([true, false]);
    second.leave();
    third.leave();
  });

  it('G10 a newcomer takes no gap before those who wait when the counter was set back to a ticket that is held', () => {
    using directory = lockDirectory();
    for (let round = 0; round < 5; round += 1) draw(directory.path).leave();
    const [first, gone, last] = [draw(directory.path), draw(directory.path), draw(directory.path)];
    gone.leave();
    overwrite(queueIn(directory.path), counter(BigInt(first.ticket)), 0);
    const newcomer = draw(directory.path);
    expect(newcomer.ticket).toBe(last.ticket + 1);
    first.leave();
    expect([last, newcomer].map((place) => place.isFirst())).toEqual([true, false]);
    last.leave();
    newcomer.leave();
  });

  it('G10 a waiter that gives up erases its entry, so that no hint is lost on it; one whose entry is a later one’s does not', () => {
    using directory = lockDirectory();
    const entryOf = (place: PlaceAtOnce): bigint => {
      const at = ringStart + (place.ticket % ringSize) * entryBytes;
      return readFileSync(queueIn(directory.path)).readBigUInt64LE(at + 16);
    };
    for (let round = 0; round < 5; round += 1) draw(directory.path).leave();
    const [first, gone, old] = [draw(directory.path), draw(directory.path), draw(directory.path)];
    expect(entryOf(gone)).toBe(BigInt(gone.ticket));
    gone.leave();
    expect(entryOf(gone)).toBe(0n);
    overwrite(queueIn(directory.path), counter(BigInt(old.ticket + ringSize)), 0);
    const later = draw(directory.path);
    expect(entryOf(old)).toBe(BigInt(later.ticket));
    old.leave();
    expect(entryOf(later)).toBe(BigInt(later.ticket));
    first.leave();
    later.leave();
  });

  it('G10 who leaves gives one hint to the next that is still there, past those that gave up', () => {
    using directory = lockDirectory();
    const hints: string[] = [];
    const system: KernelSystem = {
      ...defaultKernelSystem,
      lutimesSync: (path, ...times) => {
        hints.push(String(path));
        defaultKernelSystem.lutimesSync(path, ...times);
      },
    };
    draw(directory.path).leave();
    const first = draw(directory.path, system);
    const gone = [draw(directory.path), draw(directory.path)];
    const last = draw(directory.path);
    for (const place of gone) place.leave();
    first.leave();
    expect(hints).toEqual([expect.stringContaining(join('.oslo-concurrency', 'wake'))]);
    last.leave();
  });

  it('G10 who leaves does not look for a follower among all numbers when the counter was set far ahead', () => {
    using directory = lockDirectory();
    const place = draw(directory.path);
    overwrite(queueIn(directory.path), counter(2n ** 38n), 0);
    const calls = { reads: 0 };
    const other = draw(directory.path, {
      ...defaultKernelSystem,
      readSync: (...args) => {
        calls.reads += 1;
        if (calls.reads > 3 * ringSize) throw new Error('looks at more entries than there are');
        return defaultKernelSystem.readSync(...args);
      },
    });
    other.leave();
    expect(calls.reads).toBeLessThanOrEqual(2 * ringSize);
    place.leave();
  });

  it('G10 keeps a waiter whose ticket is older than anything that is known of the others', async () => {
    using directory = lockDirectory();
    const oldest = draw(directory.path);
    for (let round = 0; round < ringSize + 10; round += 1) draw(directory.path).leave();
    const newest = draw(directory.path);
    expect(newest.ticket).toBeGreaterThan(ringSize);
    await patienceEnds();
    expect(newest.isFirst()).toBe(false);
    oldest.leave();
    expect(newest.isFirst()).toBe(true);
    newest.leave();
  });

  it('G10 looks only at the nearest waiter before it while that runs, however many tickets were drawn', async () => {
    using directory = lockDirectory();
    const before = draw(directory.path);
    for (let round = 0; round < 500; round += 1) draw(directory.path).leave();
    const nearest = draw(directory.path);
    const calls: string[] = [];
    const newest = draw(directory.path, counting(calls));
    await patienceEnds();
    calls.length = 0;
    expect(newest.isFirst()).toBe(false);
    expect(calls.length).toBeLessThan(10);
    for (const place of [before, nearest, newest]) place.leave();
  });

  it('G10 passes a stopped waiter without a look at the tickets before it, however many were drawn', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, fair: true, lockPath: directory.path };
    for (let round = 0; round < ringSize + 10; round += 1) draw(directory.path).leave();
    await using sleeper = await Contender.start();
    const held = await lock('x', options);
    const slept = await sleeper.queue('x', options);
    await sleeper.stop();
    const calls: string[] = [];
    const newest = draw(directory.path, counting(calls));
    await patienceEnds();
    calls.length = 0;
    expect(newest.isFirst()).toBe(true);
    expect(calls.length).toBeLessThan(12);
    newest.leave();
    await held.release();
    sleeper.process.kill('SIGCONT');
    await slept.granted;
  });

  it('G10 does not pass a ticket whose owner is only known by the pid of a process that is stopped', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, fair: true, lockPath: directory.path };
    await using sleeper = await Contender.start();
    await using waiter = await Contender.start();
    const held = await lock('x', options);
    const slept = await sleeper.queue('x', options);
    await sleeper.stop();
    const queue = queueIn(directory.path);
    const ticket = Number(readFileSync(queue).readBigUInt64LE(0)) - 1;
    const entry = ringStart + (ticket % ringSize) * entryBytes;
    expect(readFileSync(queue).readUInt32LE(entry)).toBe(sleeper.pid);
    const startTime = readFileSync(queue).subarray(entry + 8, entry + 16);
    overwrite(queue, counter(startTime.readBigUInt64LE() - 1n), entry + 8);
    const late = await waiter.queue('x', { ...options, timeout: 5 * stoppedPatience });
    await held.release();
    await expect(late.granted).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT' });
    // The same wait passes it once the entry is right again.
    overwrite(queue, startTime, entry + 8);
    await waiter.acquire('x', options);
    await waiter.release('x');
    sleeper.process.kill('SIGCONT');
    await slept.granted;
  });
});
