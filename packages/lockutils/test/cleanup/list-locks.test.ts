import { join } from 'node:path';
import { type LockOptions, listLocks, lock } from '@oslo-concurrency/lockutils';
import { describe, expect, it } from 'vitest';
import { Contender } from '../support/contender.js';
import { lockDirectory } from '../support/lock-directory.js';

describe.runIf(process.platform === 'linux')('listLocks', () => {
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
