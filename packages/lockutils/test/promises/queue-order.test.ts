import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LockOptions, lock } from '@oslo-concurrency/lockutils';
import { describe, expect, it } from 'vitest';
import { Contender } from '../support/contender.js';
import { contenderPool } from '../support/contender-pool.js';
import { lockDirectory } from '../support/lock-directory.js';

const { contender, all } = contenderPool(5);
const fairIn = (lockPath: string): LockOptions => ({ external: true, fair: true, lockPath });

/** Lets contenders 0..n-1 queue in this order behind a lock held here, and tells the order they were granted in. */
async function grantOrder(
  path: string,
  waiters: readonly Contender[],
  disturb: () => unknown,
  modes: readonly LockOptions[] = [],
): Promise<number[]> {
  const held = await lock('x', fairIn(path));
  const waits = [];
  for (const [n, waiter] of waiters.entries()) waits.push(await waiter.queue('x', { ...fairIn(path), ...modes[n] }));
  await disturb();
  const order: number[] = [];
  const served = waits.map(async ({ granted }, n) => {
    await granted;
    order.push(n);
    await waiters[n]?.release('x');
  });
  await held.release();
  await Promise.allSettled(served);
  return order;
}

describe('G10 the line of waiting processes', () => {
  // A waiter that looks by itself only after a minute, and gives up before, is granted the lock only if the one before
  // it wakes it.
  const patient: LockOptions = { delay: 60_000, timeout: 30_000 };

  it('G10 wakes the next in line', async () => {
    using directory = lockDirectory();
    const modes = all().map(() => patient);
    expect(await grantOrder(directory.path, all(), () => {}, modes)).toEqual([0, 1, 2, 3, 4]);
  });

  it('G10 is served in order of arrival, every time', async () => {
    using directory = lockDirectory();
    for (let round = 0; round < 20; round += 1) {
      expect(await grantOrder(directory.path, all(), () => {})).toEqual([0, 1, 2, 3, 4]);
    }
  });

  it('G10 closes up when a waiter in its middle is killed', async () => {
    using directory = lockDirectory();
    const victim = await Contender.start();
    const line = [contender(0), victim, contender(1), contender(2)];
    expect(await grantOrder(directory.path, line, () => victim.end('SIGKILL'))).toEqual([0, 2, 3]);
  });

  it('G10 closes up when the first waiter is killed or gives up', async () => {
    using directory = lockDirectory();
    const victim = await Contender.start();
    expect(await grantOrder(directory.path, [victim, contender(0), contender(1)], () => victim.end())).toEqual([1, 2]);
    const quitter = contender(2);
    const abort = () => quitter.ask('abort', { key: 'x' });
    expect(await grantOrder(directory.path, [quitter, contender(0), contender(1)], abort)).toEqual([1, 2]);
  });

  it.each<[string, (queue: string) => void]>([
    ['empties the queue file', (queue) => truncateSync(queue)],
    ['sets its counter back', (queue) => writeFileSync(queue, Buffer.of(1), { flag: 'r+' })],
  ])('G10 keeps its order when somebody %s: a newcomer is behind those who wait', async (_title, damage) => {
    using directory = lockDirectory();
    for (let round = 0; round < 10; round += 1) await lock('x', fairIn(directory.path), () => {});
    const late = contender(2);
    const held = await lock('x', fairIn(directory.path));
    const waits = [
      await contender(0).queue('x', fairIn(directory.path)),
      await contender(1).queue('x', fairIn(directory.path)),
    ];
    damage(join(directory.path, '.oslo-concurrency', 'queue', 'x'));
    waits.push(await late.queue('x', fairIn(directory.path)));
    const order: number[] = [];
    const served = waits.map(async ({ granted }, n) => {
      await granted;
      order.push(n);
      await contender(n).release('x');
    });
    await held.release();
    await Promise.all(served);
    expect(order).toEqual([0, 1, 2]);
  });

  it('G10 passes a waiter that is stopped, and serves it when it goes on', async () => {
    using directory = lockDirectory();
    await using sleeper = await Contender.start();
    const line = [sleeper, contender(0), contender(1)];
    const held = await lock('x', fairIn(directory.path));
    const waits = [];
    for (const waiter of line) waits.push(await waiter.queue('x', fairIn(directory.path)));
    await sleeper.stop();
    await held.release();
    await waits[1]?.granted;
    await contender(0).release('x');
    await waits[2]?.granted;
    await contender(1).release('x');
    sleeper.process.kill('SIGCONT');
    await waits[0]?.granted;
    await sleeper.release('x');
  });

  it('G10 a holder that is stopped keeps the lock, whoever waits', async () => {
    using directory = lockDirectory();
    await using holder = await Contender.start();
    await holder.acquire('x', fairIn(directory.path));
    const waiter = await contender(0).queue('x', fairIn(directory.path));
    await holder.stop();
    const late = contender(1).acquire('x', { ...fairIn(directory.path), timeout: 1000 });
    await expect(late).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT' });
    holder.process.kill('SIGCONT');
    await holder.release('x');
    await waiter.granted;
    await contender(0).release('x');
  });
});

describe.each(['kernel', 'lockfile'] as const)('G11 readers and writers between processes by %s', (driver) => {
  // Not fair: readers queue all the same, else a stream of them would starve a writer.
  const plainIn = (lockPath: string): LockOptions => ({ external: true, lockPath, driver });

  const shared = { shared: true };

  it('G11 readers hold together, and a writer alone', async () => {
    using directory = lockDirectory();
    const options = plainIn(directory.path);
    await contender(0).acquire('x', { ...options, ...shared });
    await contender(1).acquire('x', { ...options, ...shared, blocking: false });
    const refused = { code: 'ERR_LOCK_NOT_ACQUIRED' };
    await expect(contender(2).acquire('x', { ...options, blocking: false })).rejects.toMatchObject(refused);
    await contender(0).release('x');
    await contender(1).release('x');
    await contender(2).acquire('x', { ...options, blocking: false });
    await expect(contender(0).acquire('x', { ...options, ...shared, blocking: false })).rejects.toMatchObject(refused);
    await contender(2).release('x');
  });

  it('G11 a reader that comes after a waiting writer does not pass it', async () => {
    using directory = lockDirectory();
    const options = plainIn(directory.path);
    await contender(0).acquire('x', { ...options, ...shared });
    const writer = await contender(1).queue('x', options);
    const late = contender(2).acquire('x', { ...options, ...shared, blocking: false });
    await expect(late).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_ACQUIRED' });
    await contender(0).release('x');
    await writer.granted;
    await contender(1).release('x');
  });

  it('G11 a stream of readers that never breaks off does not keep a writer out', async () => {
    using directory = lockDirectory();
    const options = { ...plainIn(directory.path), ...shared };
    const code = `
      globalThis.reading = true;
      globalThis.read = (async () => { while (globalThis.reading) await lock('x', ${JSON.stringify(options)}, () => new Promise((r) => setTimeout(r, 3))); })();`;
    for (const n of [0, 1, 2]) await contender(n).ask('run', { code });
    for (let round = 0; round < 5; round += 1) {
      await contender(3).acquire('x', { ...plainIn(directory.path), timeout: 5000 });
      await contender(3).release('x');
    }
    for (const n of [0, 1, 2])
      await contender(n).ask('run', { code: 'globalThis.reading = false; await globalThis.read' });
  });

  it('G11 downgrade lets readers in and no writer between', async () => {
    using directory = lockDirectory();
    const options = plainIn(directory.path);
    await contender(0).acquire('x', options);
    const reader = await contender(1).queue('x', { ...options, ...shared });
    const writer = await contender(2).queue('x', options);
    await contender(0).ask('downgrade', { key: 'x' });
    await reader.granted;
    await contender(1).release('x');
    await contender(0).release('x');
    await writer.granted;
    await contender(2).release('x');
  });

  it('G11 who was downgraded can be upgraded again, alone as before, and is named in a timeout', async () => {
    using directory = lockDirectory();
    const options = plainIn(directory.path);
    const held = await lock('x', { ...options, label: 'there and back' });
    for (let round = 0; round < 2; round += 1) {
      await held.downgrade();
      await contender(0).acquire('x', { ...options, ...shared, blocking: false });
      await contender(0).release('x');
      await held.upgrade();
      const late = contender(0).acquire('x', { ...options, ...shared, timeout: 20 });
      await expect(late).rejects.toMatchObject({ holders: [{ label: 'there and back' }] });
    }
    await held.release();
    expect((await contender(0).acquire('x', { ...options, blocking: false })).previousOwnerDied).toBe(false);
    await contender(0).release('x');
  });

  it('G11 upgrade waits for the other readers, lets no writer between, and refuses a second one', async () => {
    using directory = lockDirectory();
    const options = { ...plainIn(directory.path), ...shared };
    await contender(0).acquire('x', options);
    await contender(1).acquire('x', options);
    const upgrade = contender(0).ask('upgrade', { key: 'x' });
    // It has begun once it keeps newcomers out.
    const join = () => contender(3).acquire('x', { ...options, blocking: false });
    const outcome = () =>
      join().then(
        () => contender(3).release('x'),
        (error: { code: string }) => error.code,
      );
    await expect.poll(outcome).toBe('ERR_LOCK_NOT_ACQUIRED');
    const second = contender(1).ask('upgrade', { key: 'x' });
    await expect(second).rejects.toMatchObject({ code: 'ERR_LOCK_UPGRADE_CONFLICT' });
    const writer = await contender(2).queue('x', plainIn(directory.path));
    await contender(1).release('x');
    await upgrade;
    const late = contender(3).acquire('x', { ...options, blocking: false });
    await expect(late).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_ACQUIRED' });
    await contender(0).release('x');
    await writer.granted;
    await contender(2).release('x');
  });

  it('G19 G11 the reader after a dead writer is told', async () => {
    using directory = lockDirectory();
    const victim = await Contender.start();
    await victim.acquire('x', plainIn(directory.path));
    await victim.end('SIGKILL');
    const first = await contender(0).acquire('x', { ...plainIn(directory.path), ...shared });
    const second = await contender(1).acquire('x', { ...plainIn(directory.path), ...shared });
    expect([first.previousOwnerDied, second.previousOwnerDied]).toEqual([true, false]);
    await contender(0).release('x');
    await contender(1).release('x');
  });
});

describe.each(['kernel', 'lockfile'] as const)('permits between processes by %s', (driver) => {
  const countedIn = (lockPath: string): LockOptions => ({ ...fairIn(lockPath), driver, permits: 2 });

  it('admit no more processes than there are permits, and free the seat of one that is killed', async () => {
    using directory = lockDirectory();
    const options = countedIn(directory.path);
    const victim = await Contender.start();
    await victim.acquire('x', options);
    await contender(0).acquire('x', options);
    const refused = { code: 'ERR_LOCK_NOT_ACQUIRED' };
    await expect(contender(1).acquire('x', { ...options, blocking: false })).rejects.toMatchObject(refused);
    const waiter = await contender(1).queue('x', options);
    await victim.end('SIGKILL');
    expect((await waiter.granted).previousOwnerDied).toBe(true);
    await contender(0).release('x');
    await contender(1).release('x');
  });

  it('G18 a timeout names all who hold a permit', async () => {
    using directory = lockDirectory();
    const options = countedIn(directory.path);
    await contender(0).acquire('x', { ...options, label: 'one' });
    await contender(1).acquire('x', { ...options, label: 'two' });
    const late = contender(2).acquire('x', { ...options, timeout: 20 });
    await expect(late).rejects.toMatchObject({ holders: [{ label: 'one' }, { label: 'two' }] });
    await contender(0).release('x');
    await contender(1).release('x');
  });
});

describe('G12 deadlocks between processes', () => {
  const crossed = (first: string, second: string, options: LockOptions): { code: string } => ({
    code: `
      const options = ${JSON.stringify(options)};
      await lock(${JSON.stringify(first)}, options, async () => {
        globalThis.inFirst?.();
        await new Promise((resolve) => { process.once('goOn', resolve); });
        await lock(${JSON.stringify(second)}, options, () => {});
      });`,
  });

  it('G12 two processes that take two locks in opposite order: one is told, with both pids, the other goes on', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, lockPath: directory.path };
    const tasks = [
      contender(0).ask('run', crossed('a', 'b', options)),
      contender(1).ask('run', crossed('b', 'a', options)),
    ];
    for (const name of ['a', 'b']) {
      await expect
        .poll(() =>
          lock(name, { ...options, blocking: false }).then(
            (held) => held.release(),
            (error) => error.code,
          ),
        )
        .toBe('ERR_LOCK_NOT_ACQUIRED');
    }
    for (const n of [0, 1]) await contender(n).ask('run', { code: `process.emit('goOn')` });
    const results = await Promise.allSettled(tasks);
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatchObject({ code: 'ERR_DEADLOCK' });
    for (const n of [0, 1]) expect(failures[0].message).toContain(String(contender(n).pid));
  });
});
