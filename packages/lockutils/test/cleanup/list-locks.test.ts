import { execFileSync, fork, spawn } from 'node:child_process';
import { on, once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { type LockOptions, type LockStatus, listLocks, lock } from '@oslo-concurrency/lockutils';
import { kernelDriver } from '@oslo-concurrency/lockutils/drivers';
import { describe, expect, it } from 'vitest';
import { type PlaceAtOnce, requestFor } from '../support/at-once.js';
import { Contender } from '../support/contender.js';
import { killChild } from '../support/kill-child.js';
import { lockDirectory } from '../support/lock-directory.js';

/** Resolves when the worker has answered the call `id`. A message of another id says before that the call waits. */
async function answerOf(worker: Worker, id: number): Promise<void> {
  for await (const [message] of on(worker, 'message', { signal: AbortSignal.timeout(20_000) })) {
    if ((message as { readonly id: number }).id === id) return;
  }
}

const onLinux = process.platform === 'linux';

async function statusOf(lockPath: string, name: string): Promise<LockStatus> {
  const found = (await listLocks({ lockPath })).find((status) => status.name === name);
  if (found === undefined) throw new Error(`${name} is not listed`);
  return found;
}

/** The first holds and the others wait, then the second holds and the third waits; so the list must say. */
async function expectWaiters(
  options: LockOptions & { readonly lockPath: string },
  first: Contender,
  second: Contender,
  third: Contender,
): Promise<void> {
  await first.acquire('x', options);
  const { granted } = await second.queue('x', options);
  await third.queue('x', options);
  expect(await statusOf(options.lockPath, 'x')).toMatchObject({ holders: [{ pid: first.pid }], waiters: 2 });
  await first.release('x');
  await granted;
  expect(await statusOf(options.lockPath, 'x')).toMatchObject({ holders: [{ pid: second.pid }], waiters: 1 });
}

describe.runIf(onLinux)('listLocks', () => {
  it('tells free, held, shared and permits apart, sorted by name', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, lockPath: directory.path };
    await (await lock('unused', options)).release();
    await using alone = await lock('alone', { ...options, label: 'nightly', lockFilePrefix: 'nova' });
    await using reader = await lock('read', { ...options, shared: true });
    await using another = await Contender.start();
    await another.acquire('read', { ...options, shared: true });
    await using permitted = await lock('pool', { ...options, permits: 3 });
    await using both = await lock('both', { ...options, permits: 4 });
    await another.acquire('both', { ...options, shared: true, label: 'reads' });
    const found = await listLocks({ lockPath: directory.path });
    const shown = found.map(({ name, state, holders, permits, waiters }) => ({
      name,
      state,
      pids: holders.map(({ pid }) => pid).sort(),
      permits,
      waiters,
    }));
    const own = process.pid;
    expect(shown).toEqual([
      { name: 'both', state: 'shared', pids: [own, another.pid].sort(), permits: 4, waiters: 0 },
      { name: 'nova-alone', state: 'held', pids: [own], permits: undefined, waiters: 0 },
      { name: 'pool', state: 'shared', pids: [own], permits: 3, waiters: 0 },
      { name: 'read', state: 'shared', pids: [own, another.pid].sort(), permits: undefined, waiters: 0 },
      { name: 'unused', state: 'free', pids: [], permits: undefined, waiters: 0 },
    ]);
    expect(found[0]?.holders.find(({ pid }) => pid === another.pid)?.label).toBe('reads');
    expect(found[1]?.holders[0]).toMatchObject({ label: 'nightly', since: expect.any(Date), host: expect.any(String) });
    expect(found[1]?.ageMs).toBeGreaterThanOrEqual(0);
    for (const held of [alone, reader, permitted, both]) expect(held.released).toBe(false);
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
      const worker = new Worker(new URL('../fixtures/thread-locker.mjs', import.meta.url));
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
    stopped.process.kill('SIGSTOP');
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

  it('sees the locks of programs that leave no record', async (context) => {
    if (process.env.CI === undefined && !hasPython()) return context.skip('the Debian package python3 is missing');
    using directory = lockDirectory();
    writeFileSync(join(directory.path, 'theirs'), 'not ours\n');
    const program =
      'import fcntl,sys; f=open(sys.argv[1],"a"); fcntl.lockf(f,fcntl.LOCK_EX); print("held",flush=True); sys.stdin.read()';
    const holder = spawn('/usr/bin/python3', ['-c', program, join(directory.path, 'theirs')]);
    try {
      await once(holder.stdout, 'data');
      const [status] = await listLocks({ lockPath: directory.path });
      expect(status).toMatchObject({
        name: 'theirs',
        state: 'held',
        holders: [{ pid: holder.pid, command: 'python3' }],
      });
    } finally {
      holder.kill();
    }
    await once(holder, 'exit');
    const held = await lock('ours', { external: true, lockPath: directory.path });
    const waiter = spawn('/usr/bin/python3', ['-c', program, join(directory.path, 'ours')]);
    const waiters = async () => (await statusOf(directory.path, 'ours')).waiters;
    try {
      await expect.poll(waiters).toBe(1);
      await held.release();
      await once(waiter.stdout, 'data');
    } finally {
      waiter.kill();
    }
    await once(waiter, 'exit');
    rmSync(join(directory.path, 'ours'));
    expect(await listLocks({ lockPath: directory.path })).toEqual([]);
  });

  it('says unknown of what others may hold unseen, outside of the container it runs in', async (context) => {
    if (!permits('unshare', '--pid', '--fork', '--mount-proc', 'true')) return context.skip('no pid namespaces here');
    using directory = lockDirectory();
    const options: LockOptions = { external: true, lockPath: directory.path };
    writeFileSync(join(directory.path, 'oslo'), '');
    await (await lock('ours', options)).release();
    await (await lock('pool', { ...options, permits: 2 })).release();
    await using held = await lock('held', options);
    const bin = fileURLToPath(new URL('../../bin/lockutils.js', import.meta.url));
    const args = [
      '--pid',
      '--fork',
      '--mount-proc',
      process.execPath,
      bin,
      'ls',
      '--json',
      '--lock-path',
      directory.path,
    ];
    const found = JSON.parse(execFileSync('unshare', args, { encoding: 'utf8' })) as LockStatus[];
    expect(found.map(({ name, state }) => [name, state])).toEqual([
      ['held', 'held'],
      ['oslo', 'unknown'],
      ['ours', 'free'],
      ['pool', 'free'],
    ]);
    const inContainer = readlinkSync('/proc/self/ns/pid') !== 'pid:[4026531836]';
    expect(await statusOf(directory.path, 'oslo')).toMatchObject({ state: inContainer ? 'unknown' : 'free' });
    expect(held.released).toBe(false);
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

  it('counts every holder and waiter once, while others take and release locks all the time', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, lockPath: directory.path };
    const alone = Array.from({ length: 10 }, (_, index) => `alone-${index}`);
    for (const name of alone) await lock(name, { ...options, fair: true });
    for (let readers = 0; readers < 3; readers += 1) await lock('read', { ...options, shared: true });
    await using waiter = await Contender.start();
    await waiter.queue('alone-0', { ...options, fair: true });
    using others = lockDirectory();
    const churning = fork(fileURLToPath(new URL('../fixtures/churns-locks.mjs', import.meta.url)), [others.path]);
    try {
      await once(churning, 'message');
      const expected = [
        ...alone.map((name, index) => ({ name, state: 'held', holders: 1, waiters: index === 0 ? 1 : 0 })),
        { name: 'read', state: 'shared', holders: 3, waiters: 0 },
      ];
      for (let look = 0; look < 30; look += 1) {
        const found = await listLocks({ lockPath: directory.path });
        const shown = found.map(({ name, state, holders, waiters }) => ({
          name,
          state,
          holders: holders.length,
          waiters,
        }));
        expect(shown).toEqual(expected);
      }
    } finally {
      await killChild(churning);
    }
  });

  it('never lets a non-blocking try of another process fail', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, lockPath: directory.path };
    await using other = await Contender.start();
    const tries = other.ask<number>('run', {
      code: `
        let failed = 0;
        for (let i = 0; i < 3000; i += 1) {
          for (const more of [{}, { shared: true }, { permits: 1 }]) {
            try {
              await (await lock('x' + i % 5, { ...${JSON.stringify(options)}, ...more, blocking: false })).release();
            } catch {
              failed += 1;
            }
          }
        }
        return failed;`,
    });
    let listed = 0;
    let done = false;
    const failed = tries.finally(() => {
      done = true;
    });
    while (!done) {
      listed += (await listLocks({ lockPath: directory.path })).length;
      await new Promise(setImmediate);
    }
    expect(await failed).toBe(0);
    expect(listed).toBeGreaterThan(50);
  });
});

it('listLocks reports what is wrong with the lock path', async () => {
  using directory = lockDirectory();
  await expect(listLocks({ lockPath: join(directory.path, 'missing') })).rejects.toMatchObject({
    code: 'ERR_LOCK_PATH',
    problem: 'missing',
  });
  await expect(listLocks({ lockPath: '' })).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION' });
});

it('listLocks lists the locks of the lockfile driver', async () => {
  using directory = lockDirectory();
  const options: LockOptions = { external: true, lockPath: directory.path, driver: 'lockfile' };
  await using held = await lock('x', { ...options, label: 'slow' });
  await (await lock('free', options)).release();
  expect(await listLocks({ lockPath: directory.path })).toMatchObject([
    { name: 'x', state: 'held', holders: [{ pid: process.pid, label: 'slow' }], waiters: 0 },
  ]);
  expect(held.released).toBe(false);
  await using _reader = await lock('read', { ...options, shared: true, label: 'reader' });
  await using _counted = await lock('counted', { ...options, permits: 3, label: 'one of three' });
  expect(await listLocks({ lockPath: directory.path })).toMatchObject([
    { name: 'counted', state: 'shared', permits: 3, holders: [{ label: 'one of three' }] },
    { name: 'read', state: 'shared', permits: undefined, holders: [{ label: 'reader' }] },
    { name: 'x', state: 'held' },
  ]);
});

it('counts the waiters for a lock of the lockfile driver, and neither the holder that waited before nor the dead', async () => {
  using directory = lockDirectory();
  const options = { external: true, fair: true, lockPath: directory.path, driver: 'lockfile' as const };
  await using first = await Contender.start();
  await using second = await Contender.start();
  await using third = await Contender.start();
  await expectWaiters(options, first, second, third);
  third.process.kill('SIGSTOP');
  await second.release('x');
  expect(await statusOf(directory.path, 'x')).toMatchObject({ state: 'free', holders: [], waiters: 1 });
  await third.end();
  expect(await statusOf(directory.path, 'x')).toMatchObject({ state: 'free', holders: [], waiters: 0 });
});

it('counts who waits for one more permit of those it has', async () => {
  using directory = lockDirectory();
  const options: LockOptions = { external: true, permits: 2, lockPath: directory.path, driver: 'lockfile' };
  await using one = await Contender.start();
  await using other = await Contender.start();
  await one.acquire('pool', options);
  await other.acquire('pool', options);
  await other.queue('pool', options, 'second of pool');
  expect(await statusOf(directory.path, 'pool')).toMatchObject({
    state: 'shared',
    permits: 2,
    holders: [{ pid: one.pid }, { pid: other.pid }],
    waiters: 1,
  });
});

it('listLocks names the last holder of a free lock of the lockfile driver, until the next holder has learned of it', async () => {
  using directory = lockDirectory();
  const options: LockOptions = { external: true, lockPath: directory.path, driver: 'lockfile' };
  await using victim = await Contender.start();
  await victim.acquire('alone', options);
  await victim.acquire('pool', { ...options, permits: 2 });
  await victim.acquire('read', { ...options, shared: true });
  await victim.end();
  const abandoned = async (): Promise<unknown> =>
    (await listLocks({ lockPath: directory.path })).map(({ name, state, abandonedBy }) => [
      name,
      state,
      abandonedBy?.pid,
    ]);
  const all = [
    ['alone', 'free', victim.pid],
    ['pool', 'free', victim.pid],
    ['read', 'free', undefined],
  ];
  expect(await abandoned()).toEqual(all);
  // A writer puts out the permit holder, of whom the next permit holder is to be told.
  await (await lock('pool', options)).release();
  expect(await abandoned()).toEqual(all);
  const next = await lock('alone', options);
  expect(next.previousOwnerDied).toBe(true);
  expect(await statusOf(directory.path, 'alone')).toMatchObject({ state: 'held', abandonedBy: undefined });
  await next.release();
  await (await lock('pool', { ...options, permits: 2 })).release();
  const found = await listLocks({ lockPath: directory.path });
  expect(found.filter(({ abandonedBy }) => abandonedBy !== undefined)).toEqual([]);
});

// What a system refuses (no root, no namespaces) is skipped, except where CI promises it.
function permits(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch (error) {
    if (process.env.CI) throw new Error(`CI must permit: ${command} ${args.join(' ')} (util-linux)`, { cause: error });
    return false;
  }
}

function hasPython(): boolean {
  try {
    execFileSync('/usr/bin/python3', ['--version']);
    return true;
  } catch {
    return false;
  }
}
