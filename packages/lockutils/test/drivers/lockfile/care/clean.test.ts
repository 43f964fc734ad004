import { mkdirSync, readdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleanLocks, type LockOptions, lock } from '@oslo-concurrency/lockutils';
import { lockfileDriver, synchronousFs } from '@oslo-concurrency/lockutils/drivers';
import { describe, expect, it } from 'vitest';
import { type FolderRemovalRule, removeUnusedFolders } from '../../../../build/drivers/lockfile/care/remove-unused.js';
import { runSync } from '../../../../build/steps.js';
import { Contender } from '../../../support/contender.js';
import { lockDirectory } from '../../../support/lock-directory.js';
import { leftOver } from '../../../support/lockfile/fault-points.js';

const optionsIn = (lockPath: string): LockOptions => ({ external: true, fair: true, lockPath, driver: 'lockfile' });
const hidden = (lockPath: string, ...names: string[]): string =>
  join(lockPath, '.oslo-concurrency', 'lockfile', ...names);
const left = (lockPath: string): string[] => leftOver(join(lockPath, 'any'));

describe('cleanLocks where the lockfile driver is used', () => {
  it('removes what dead readers, dead waiters and crashes left, says of which locks, and with dryRun only says so', async () => {
    using directory = lockDirectory();
    const lockPath = directory.path;
    const held = await lock('line', optionsIn(lockPath));
    await using victim = await Contender.start();
    await victim.acquire('read', { ...optionsIn(lockPath), shared: true });
    await victim.queue('line', optionsIn(lockPath));
    const [own = ''] = readdirSync(hidden(lockPath, 'held', 'read', 'seats'));
    await victim.end();
    await held.release();
    mkdirSync(hidden(lockPath, 'held', 'empty'));
    // As of a crash while it was being made, with what those who share lay there.
    mkdirSync(hidden(lockPath, 'new', `${own}.2`, 'upgrade'), { recursive: true });
    writeFileSync(hidden(lockPath, 'new', `${own}.2`, 'upgrade', own), '');
    const before = left(lockPath);
    const removed = ['empty', 'line', 'read'];
    expect(await cleanLocks({ lockPath, dryRun: true })).toEqual({ removed, kept: [] });
    expect(left(lockPath)).toEqual(before);
    expect(await cleanLocks({ lockPath })).toEqual({ removed, kept: [] });
    expect(left(lockPath)).toEqual([]);
    expect(await cleanLocks({ lockPath })).toEqual({ removed: [], kept: [] });
  });

  it('G15 leaves what is held or waited for as it is, and waits for nobody', async () => {
    using directory = lockDirectory();
    const lockPath = directory.path;
    await using holder = await Contender.start();
    await using waiter = await Contender.start();
    await holder.acquire('alone', optionsIn(lockPath));
    await holder.acquire('read', { ...optionsIn(lockPath), shared: true });
    await holder.acquire('pool', { ...optionsIn(lockPath), permits: 2 });
    await holder.acquire('waited', optionsIn(lockPath));
    for (const name of ['alone', 'waited']) await waiter.queue(name, optionsIn(lockPath));
    await waiter.stop();
    await holder.release('waited');
    // Who shares gives its place in line up after the grant, in its own time.
    const inUse = (): string[] => left(lockPath).filter((path) => !/^queue.(read|pool)/.test(path));
    const before = inUse();
    expect(await cleanLocks({ lockPath, abandoned: true })).toEqual({
      removed: [],
      kept: [
        ...['alone', 'pool', 'read'].map((name) => ({ name, reason: 'held' })),
        { name: 'waited', reason: 'waited-for' },
      ],
    });
    expect(inUse()).toEqual(before);
    for (const name of ['alone', 'pool', 'read']) await holder.release(name);
  });

  it('G19 leaves what tells the next holder that the last one died, unless asked', async () => {
    using directory = lockDirectory();
    const lockPath = directory.path;
    await using victim = await Contender.start();
    for (const name of ['alone', 'next']) await victim.acquire(name, optionsIn(lockPath));
    for (const name of ['pool', 'seat']) await victim.acquire(name, { ...optionsIn(lockPath), permits: 2 });
    await victim.end();
    // Of these the dead were put out already, and the next one is still to be told.
    await (await lock('seat', optionsIn(lockPath))).release();
    const abandoned = ['alone', 'next', 'pool', 'seat'].map((name) => ({ name, reason: 'abandoned' }));
    for (const dryRun of [true, false]) {
      expect(await cleanLocks({ lockPath, dryRun })).toEqual({ removed: [], kept: abandoned });
    }
    const next = await lock('next', optionsIn(lockPath));
    expect(next.previousOwnerDied).toBe(true);
    await next.release();
    expect((await cleanLocks({ lockPath, abandoned: true, olderThan: 60_000 })).kept).toEqual(
      ['alone', 'pool', 'seat'].map((name) => ({ name, reason: 'recent' })),
    );
    expect((await cleanLocks({ lockPath, abandoned: true })).removed).toEqual(['alone', 'pool', 'seat']);
    expect(left(lockPath)).toEqual([]);
    for (const [name, more] of [
      ['alone', {}],
      ['pool', { permits: 2 }],
      ['seat', { permits: 2 }],
    ] as const) {
      const granted = await lock(name, { ...optionsIn(lockPath), ...more });
      expect([name, granted.previousOwnerDied]).toEqual([name, false]);
      await granted.release();
    }
  });

  it('leaves what is not older than asked', async () => {
    using directory = lockDirectory();
    const lockPath = directory.path;
    await using victim = await Contender.start();
    for (const name of ['new', 'old']) await victim.acquire(name, { ...optionsIn(lockPath), shared: true });
    await victim.end();
    const hourAgo = Date.now() / 1000 - 3600;
    const old = left(lockPath).filter((path) => path.split('/')[1] === 'old');
    for (const path of old) utimesSync(hidden(lockPath, path), hourAgo, hourAgo);
    expect(await cleanLocks({ lockPath, olderThan: 60_000 })).toEqual({
      removed: ['old'],
      kept: [{ name: 'new', reason: 'recent' }],
    });
  });

  it('goes on after what the system refuses to remove, and reports it', async () => {
    using directory = lockDirectory();
    const lockPath = directory.path;
    await (await lock('any', optionsIn(lockPath))).release();
    for (const name of ['first', 'third']) mkdirSync(hidden(lockPath, 'held', name));
    writeFileSync(hidden(lockPath, 'queue', 'second'), '');
    const { removed, kept } = await cleanLocks({ lockPath });
    expect(removed).toEqual(['first', 'third']);
    expect(kept).toMatchObject([{ name: 'second', reason: 'failed', error: expect.any(Error) }]);
  });
});

describe('what changes before the lock is held to remove what the next holder was to be told', () => {
  // Whatever `meanwhile` does comes after all looks, and before the call that takes the lock.
  async function verdictWhen(
    meanwhile: (path: string, died: string) => void,
    rule: Partial<FolderRemovalRule> = {},
  ): Promise<{ readonly verdict: unknown; readonly left: readonly string[] }> {
    using directory = lockDirectory();
    await using victim = await Contender.start();
    await victim.acquire('x', optionsIn(directory.path));
    await victim.end();
    const path = join(directory.path, 'x');
    const [held, died] = [hidden(directory.path, 'held', 'x'), hidden(directory.path, 'died', 'x')];
    const fs = {
      ...synchronousFs,
      rename(from: string, to: string) {
        if (to === held) meanwhile(path, died);
        return synchronousFs.rename(from, to);
      },
    };
    const all = { before: Number.POSITIVE_INFINITY, dryRun: false, abandonedToo: true };
    const verdict = runSync(removeUnusedFolders(fs, path, { ...all, ...rule }));
    return { verdict, left: left(directory.path).map((name) => name.replace(/o1\..+/, 'OWNER')) };
  }
  const driver = lockfileDriver({ synchronous: true });
  const requestAt = (path: string) => ({ name: 'x', path, shared: false, permits: undefined, label: undefined });

  it('G19 is seen: news of somebody who was granted the lock since stays', async () => {
    const before = Date.now() + 60_000;
    const later = new Date(Date.now() + 120_000);
    expect(await verdictWhen((_path, died) => utimesSync(died, later, later), { before })).toEqual({
      verdict: 'recent',
      left: ['died/x'],
    });
  });

  it('G15 is seen: with who waits the news stays, and so does the place in line', async () => {
    expect(await verdictWhen((path) => void driver.joinQueue?.(requestAt(path)))).toEqual({
      verdict: 'waited-for',
      left: ['died/x', 'queue/x', 'queue/x/1', 'queue/x/1/OWNER'],
    });
  });

  it('G15 is seen: who was granted the lock keeps it', async () => {
    let told: boolean | undefined;
    const grantTo = (path: string): void => {
      const grant = driver.tryAcquire(requestAt(path)) as { readonly previousOwnerDied: boolean } | undefined;
      told = grant?.previousOwnerDied;
    };
    expect(await verdictWhen(grantTo)).toEqual({ verdict: 'held', left: ['held/x', 'held/x/OWNER'] });
    expect(told).toBe(true);
  });
});

it('G19 a cleaner leaves the news of a holder that was granted the lock and died since the cleaner looked at it', async () => {
  using directory = lockDirectory();
  const lockPath = directory.path;
  await using victim = await Contender.start();
  await victim.acquire('victim', optionsIn(lockPath));
  await victim.end();
  mkdirSync(hidden(lockPath, 'held', 'x'));
  let moved = false;
  const fs = {
    ...synchronousFs,
    // The first call after the look: the line is removed.
    rmdir(path: string) {
      if (!moved) renameSync(hidden(lockPath, 'held', 'victim'), hidden(lockPath, 'held', 'x'));
      moved = true;
      return synchronousFs.rmdir(path);
    },
  };
  const rule = { before: Number.POSITIVE_INFINITY, dryRun: false, abandonedToo: false };
  expect(runSync(removeUnusedFolders(fs, join(lockPath, 'x'), rule))).toBe('abandoned');
  const next = await lock('x', optionsIn(lockPath));
  expect(next.previousOwnerDied).toBe(true);
  await next.release();
});
