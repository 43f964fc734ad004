import { type LockOptions, lease, lock } from '@oslo-concurrency/lockutils';
import { lockfileLeaseDriver } from '@oslo-concurrency/lockutils/drivers';
import { describe, expect, test } from 'vitest';
import { Contender } from '../support/contender.js';
import { lockDirectory } from '../support/lock-directory.js';
import { cleanFolders, folderKinds } from '../support/lockfile/folder-cleaner.js';
import { LeaseContender } from '../support/lockfile/lease-contender.js';

const ways: [name: string, way: LockOptions, reported: boolean][] = [
  ['alone', {}, true],
  ['fair', { fair: true }, true],
  ['reader', { shared: true }, false],
  ['permit', { permits: 1 }, true],
];
// Processes that have used the lock path before know its folders, and do not look for them again.
const cleaned = (kinds: readonly string[]): [what: string, kinds: readonly string[]][] => [
  ...kinds.map((kind): [string, string[]] => [`${kind}/ was`, [kind]]),
  ['all empty folders were', kinds],
];

describe.each(cleaned(folderKinds.lockfile))('though %s removed by a cleaner', (_what, kinds) => {
  test('G1 G9 G19 a dead holder is replaced at once by processes that run, and its death is reported once', async () => {
    using directory = lockDirectory();
    const options = { external: true, driver: 'lockfile', lockPath: directory.path } as const;
    const clean = (): boolean => cleanFolders(directory.path, 'lockfile', kinds);
    await using victim = await Contender.start();
    await using waiter = await Contender.start();
    for (const process of [victim, waiter]) {
      await process.acquire('warm', options);
      await process.release('warm');
    }
    await (await lock('warm', options)).release();
    expect(clean()).toBe(true);
    for (const [name, way] of ways) {
      await victim.acquire(name, { ...options, ...way });
      clean();
    }
    await victim.acquire('waited for', options);
    const { granted } = await waiter.queue('waited for', { ...options, timeout: 10_000 });
    clean();
    await victim.end('SIGKILL');
    expect((await granted).previousOwnerDied).toBe(true);
    for (const [name, way, reported] of ways) {
      clean();
      const held = await lock(name, { ...options, ...way, blocking: false });
      expect([name, held.previousOwnerDied]).toEqual([name, reported]);
      clean();
      await held.release();
      clean();
      const next = await lock(name, { ...options, ...way, blocking: false });
      expect([name, next.previousOwnerDied]).toEqual([name, false]);
      await next.release();
    }
  });

  test('G11 G19 readers and permit holders replace a dead writer at once, and a writer replaces them', async () => {
    using directory = lockDirectory();
    const options = { external: true, driver: 'lockfile', lockPath: directory.path } as const;
    await using victim = await Contender.start();
    await victim.acquire('warm', options);
    await victim.release('warm');
    await (await lock('warm', options)).release();
    expect(cleanFolders(directory.path, 'lockfile', kinds)).toBe(true);
    const pairs = ways.flatMap((before) => ways.map((after) => ({ before, after, name: `${before[0]} ${after[0]}` })));
    // A lock is either one with permits or one with readers.
    const locks = pairs.filter(
      ({ before, after }) => !(before[1].permits && after[1].shared) && !(before[1].shared && after[1].permits),
    );
    for (const { before, name } of locks) {
      await victim.acquire(name, { ...options, ...before[1] });
      cleanFolders(directory.path, 'lockfile', kinds);
    }
    await victim.end('SIGKILL');
    for (const { after, name } of locks) {
      cleanFolders(directory.path, 'lockfile', kinds);
      await (await lock(name, { ...options, ...after[1], blocking: false })).release();
    }
  });
});

describe.each(cleaned(folderKinds.lease))('though %s removed by a cleaner', (_what, kinds) => {
  test('G1 G9 a dead holder of a lease is replaced at once by processes that run', async () => {
    using directory = lockDirectory();
    const hostId = 'here';
    const driver = lockfileLeaseDriver({ lockPath: directory.path, hostId });
    const clean = (): boolean => cleanFolders(directory.path, 'lease', kinds);
    // Makes the folders, and keeps in mind that they are there.
    await driver.holders?.('warm');
    expect(clean()).toBe(true);
    await (await lease('warm', { driver, ttl: 60_000, timeout: 10_000 })).release();
    const victim = await LeaseContender.start(directory.path, hostId);
    try {
      expect(await victim.try('warm', 60_000)).toMatchObject({ granted: true });
      await victim.release('warm');
      clean();
      expect(await victim.try('x', 60_000)).toMatchObject({ granted: true });
      clean();
      expect(await victim.write('x', 'text')).toMatchObject({ written: true });
      clean();
    } finally {
      await victim.kill();
    }
    clean();
    // Far less than the ttl.
    const held = await lease('x', { driver, ttl: 60_000, timeout: 10_000 });
    clean();
    await held.release();
    clean();
    await (await lease('y', { driver, ttl: 60_000, timeout: 10_000 })).release();
  });
});
