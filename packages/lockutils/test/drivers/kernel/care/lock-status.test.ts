import { execFileSync } from 'node:child_process';
import { on, once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type LockOptions, listLocks, lock } from '@oslo-concurrency/lockutils';
import { kernelDriver } from '@oslo-concurrency/lockutils/drivers';
import { describe, expect, it } from 'vitest';
import { readEntry } from '../../../../build/drivers/kernel/care/lock-entry.js';
import { kernelLockStatus } from '../../../../build/drivers/kernel/care/lock-status.js';
import { defaultKernelSystem } from '../../../../build/drivers/kernel/system.js';
import { readLockTable } from '../../../../build/drivers/kernel/table/lock-table.js';
import { type PlaceAtOnce, requestFor } from '../../../support/at-once.js';
import { Contender } from '../../../support/contender.js';
import { lockDirectory } from '../../../support/lock-directory.js';
import { expectWaiters, statusOf } from '../../../support/lock-status.js';

/** Resolves when the worker has answered the call `id`. A message of another id says before that the call waits. */
async function answerOf(worker: Worker, id: number): Promise<void> {
  for await (const [message] of on(worker, 'message', { signal: AbortSignal.timeout(20_000) })) {
    if ((message as { readonly id: number }).id === id) return;
  }
}

describe.runIf(process.platform === 'linux')('listLocks with the kernel driver', () => {
  it.each([
    ['a holder that was granted the lock after the table was read', true],
    ['a holder that released after its record was read', false],
  ])('reports no death of %s', async (_, holds) => {
    using directory = lockDirectory();
    const options = { external: true, lockPath: directory.path } as const;
    await lock('x', options, () => {});
    const free = readLockTable(defaultKernelSystem, directory.path);
    await using held = await lock('x', options);
    const entry = readEntry(defaultKernelSystem, join(directory.path, 'x'));
    if (entry === undefined) throw new Error('the lock file is gone');
    expect(entry.mark).toMatchObject({ state: 'left', record: { pid: process.pid } });
    if (!holds) await held.release();
    const status = kernelLockStatus(defaultKernelSystem, free, entry);
    expect(status).toMatchObject({ state: 'free', abandonedBy: undefined });
  });

  it('reports the death of a holder whose process goes on, if its record stays in a free lock file', async () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    const held = await lock('x', { external: true, lockPath: directory.path });
    const record = readFileSync(path);
    await held.release();
    writeFileSync(path, record);
    expect(await statusOf(directory.path, 'x')).toMatchObject({ state: 'free', abandonedBy: { pid: process.pid } });
  });

  it('counts the waiters, and not the holder that waited before', async () => {
    using directory = lockDirectory();
    const options = { external: true, fair: true, lockPath: directory.path };
    await using first = await Contender.start();
    await using second = await Contender.start();
    await using third = await Contender.start();
    await expectWaiters(options, first, second, third);
    await third.end();
    expect(await statusOf(directory.path, 'x')).toMatchObject({ holders: [{ pid: second.pid }], waiters: 0 });
  });

  it.each([false, true])(
    'counts a thread that waits behind a thread of the same process, with a ticket or without, fair: %s',
    async (fair) => {
      using directory = lockDirectory();
      const options = { external: true, fair, lockPath: directory.path } as const;
      const waiters = async (): Promise<number | undefined> => (await statusOf(directory.path, 'x')).waiters;
      const worker = new Worker(new URL('../../../fixtures/thread-locker.mjs', import.meta.url));
      try {
        await once(worker, 'message');
        const held = await lock('x', options);
        expect(await waiters()).toBe(0);
        worker.postMessage({ id: 1, call: 'lock', name: 'x', options });
        await expect.poll(waiters).toBe(1);
        const granted = answerOf(worker, 1);
        await held.release();
        await granted;
        // It keeps the ticket with which it waited.
        expect(await waiters()).toBe(0);
        const next = lock('x', options);
        await expect.poll(waiters).toBe(1);
        worker.postMessage({ id: 2, call: 'release' });
        const last = await next;
        expect(await waiters()).toBe(0);
        await last.release();
        expect(await statusOf(directory.path, 'x')).toMatchObject({ state: 'free', waiters: 0 });
      } finally {
        await worker.terminate();
      }
    },
  );

  it('counts a stopped waiter that the holder passed, and the holder not', async () => {
    using directory = lockDirectory();
    const options = { external: true, lockPath: directory.path } as const;
    await using stopped = await Contender.start();
    await using second = await Contender.start();
    const held = await lock('x', options);
    await stopped.queue('x', options);
    await stopped.stop();
    const { granted } = await second.queue('x', options);
    await held.release();
    await granted;
    expect(await statusOf(directory.path, 'x')).toMatchObject({ holders: [{ pid: second.pid }], waiters: 1 });
  });

  it('counts the waiters, and the holder not, where the queue file has forgotten whose the tickets are', async () => {
    using directory = lockDirectory();
    const options = { external: true, fair: true, lockPath: directory.path } as const;
    await using first = await Contender.start();
    await using second = await Contender.start();
    await using third = await Contender.start();
    await first.acquire('x', options);
    const { granted } = await second.queue('x', options);
    await third.queue('x', options);
    const queue = join(directory.path, '.oslo-concurrency', 'queue', 'x');
    const known = readFileSync(queue);
    // The entries of the tickets begin after 64 bytes.
    const forget = (until: number): void => writeFileSync(queue, Buffer.from(known).fill(0, 64, until), { flag: 'r+' });
    forget(known.length);
    expect(await statusOf(directory.path, 'x')).toMatchObject({ holders: [{ pid: first.pid }], waiters: 2 });
    await first.release('x');
    await granted;
    expect(await statusOf(directory.path, 'x')).toMatchObject({ holders: [{ pid: second.pid }], waiters: 1 });
  });

  it('names each holder by its own record, also a writer that becomes a reader and a writer again', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, lockPath: directory.path };
    const held: { release(): Promise<void> }[] = [];
    const keep = <T extends { release(): Promise<void> }>(one: T): T => {
      held.push(one);
      return one;
    };
    const changing = keep(await lock('changing', { ...options, label: 'changes' }));
    for (const label of ['one', 'two', 'three']) keep(await lock('read by', { ...options, shared: true, label }));
    for (const permits of [2, 3, 4]) keep(await lock(`pool-${permits}`, { ...options, permits, label: 'same' }));
    const labels = async (name: string) => (await statusOf(directory.path, name)).holders.map(({ label }) => label);
    expect(await labels('read by')).toEqual(['one', 'two', 'three']);
    for (const permits of [2, 3, 4])
      expect(await statusOf(directory.path, `pool-${permits}`)).toMatchObject({ permits });
    expect(await labels('changing')).toEqual(['changes']);
    for (let round = 0; round < 2; round += 1) {
      await changing.downgrade();
      expect(await statusOf(directory.path, 'changing')).toMatchObject({
        state: 'shared',
        holders: [{ label: 'changes' }],
      });
      await changing.upgrade();
      expect(await statusOf(directory.path, 'changing')).toMatchObject({
        state: 'held',
        holders: [{ label: 'changes' }],
      });
    }
    for (const one of held) await one.release();
  });

  it('counts a waiter once, whatever bytes it locks, and no reader that waits to become a writer', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, lockPath: directory.path };
    await (await lock('x', options)).release();
    const draw = () => kernelDriver().joinQueue?.(requestFor(join(directory.path, 'x'))) as PlaceAtOnce;
    draw().leave();
    const second = draw();
    // From here on it also keeps all bytes before its own, so that no ticket before it can be drawn.
    expect([second.ticket, second.isFirst()]).toEqual([1, true]);
    expect(await statusOf(directory.path, 'x')).toMatchObject({ state: 'free', waiters: 1 });
    second.leave();
    await using reader = await lock('read', { ...options, shared: true });
    await using other = await Contender.start();
    await other.acquire('read', { ...options, shared: true });
    const upgrading = reader.upgrade();
    expect(await statusOf(directory.path, 'read')).toMatchObject({ state: 'shared', waiters: 0 });
    await other.release('read');
    await upgrading;
  });

  it('counts the readers that the file of the readers does not name, and nobody twice who reads there no more', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, lockPath: directory.path, shared: true };
    const readers = join(directory.path, '.oslo-concurrency', 'readers', 'read');
    const lost = await lock('read', options);
    rmSync(join(directory.path, 'read'));
    await using first = await lock('read', options);
    expect((await statusOf(directory.path, 'read')).holders).toHaveLength(1);
    await lost.release().catch(() => {});
    rmSync(readers);
    await using _second = await lock('read', options);
    rmSync(readers);
    expect((await statusOf(directory.path, 'read')).holders).toHaveLength(2);
    expect(first.released).toBe(false);
  });

  it('believes the kernel where the record lies', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, lockPath: directory.path };
    await using other = await Contender.start();
    await other.acquire('source', options);
    const record = readFileSync(join(directory.path, 'source'));
    // The record of a live process in a lock that nobody holds, and in one that we hold.
    writeFileSync(join(directory.path, 'nobody'), record);
    await using held = await lock('ours', options);
    writeFileSync(join(directory.path, 'ours'), record);
    expect(await statusOf(directory.path, 'nobody')).toMatchObject({ state: 'free', holders: [] });
    const [holder] = (await statusOf(directory.path, 'ours')).holders;
    expect(holder).toMatchObject({ pid: process.pid });
    expect(holder?.since).toBeUndefined();
    expect(held.released).toBe(false);
  });

  it('names the last holder of a free lock that it did not release', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, lockPath: directory.path };
    await using victim = await Contender.start();
    await victim.acquire('alone', options);
    await victim.acquire('pool', { ...options, permits: 2 });
    await victim.acquire('read', { ...options, shared: true });
    await victim.end();
    const found = await listLocks({ lockPath: directory.path });
    expect(found.map(({ name, state, abandonedBy }) => [name, state, abandonedBy?.pid])).toEqual([
      ['alone', 'free', victim.pid],
      ['pool', 'free', victim.pid],
      ['read', 'free', undefined],
    ]);
  });

  it('lists nothing that is no lock file, follows no link, and changes nothing', async () => {
    using directory = lockDirectory();
    using elsewhere = lockDirectory();
    writeFileSync(join(elsewhere.path, 'target'), '');
    symlinkSync(join(elsewhere.path, 'target'), join(directory.path, 'link'));
    mkdirSync(join(directory.path, 'folder'));
    writeFileSync(join(directory.path, 'notes.txt'), 'hello');
    writeFileSync(join(directory.path, '.gitkeep'), '');
    execFileSync('mkfifo', [join(directory.path, 'fifo')]);
    writeFileSync(join(directory.path, 'oslo'), '');
    const before = readdirSync(directory.path);
    expect((await listLocks({ lockPath: directory.path })).map(({ name }) => name)).toEqual(['oslo']);
    expect(readdirSync(directory.path)).toEqual(before);
  });
});
