import { randomUUID } from 'node:crypto';
import fs, {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { cleanLocks, type LockOptions, lock } from '@oslo-concurrency/lockutils';
import { describe, expect, it } from 'vitest';
import { Contender } from '../support/contender.js';
import { lockDirectory } from '../support/lock-directory.js';

const hidden = (directory: string, kind: string): string[] => {
  const folder = join(directory, '.oslo-concurrency', kind);
  return existsSync(folder) ? readdirSync(folder) : [];
};
const visible = (directory: string): string[] => readdirSync(directory).filter((name) => name[0] !== '.');

describe('cleanLocks', () => {
  it('leaves what is held or waited for, and waits for nobody', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, fair: true, lockPath: directory.path };
    await using holder = await Contender.start();
    await using waiter = await Contender.start();
    await holder.acquire('alone', options);
    await holder.acquire('read', { ...options, shared: true });
    await holder.acquire('pool', { ...options, permits: 2 });
    const { granted } = await waiter.queue('alone', options);
    const held = ['alone', 'pool', 'read'].map((name) => ({ name, reason: 'held' }));
    expect(await cleanLocks({ lockPath: directory.path })).toEqual({ removed: [], kept: held });
    await holder.release('alone');
    await granted;
    await waiter.release('alone');
  });

  it('leaves a lock that is free but waited for', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, fair: true, lockPath: directory.path };
    await using holder = await Contender.start();
    await using waiter = await Contender.start();
    await holder.acquire('x', options);
    await waiter.queue('x', options);
    await waiter.stop();
    await holder.release('x');
    for (const dryRun of [true, false]) {
      expect(await cleanLocks({ lockPath: directory.path, dryRun })).toEqual({
        removed: [],
        kept: [{ name: 'x', reason: 'waited-for' }],
      });
    }
  });

  it('never touches links, folders and files of others', async () => {
    using directory = lockDirectory();
    using elsewhere = lockDirectory();
    const path = (name: string): string => join(directory.path, name);
    await (await lock('ours', { external: true, lockPath: directory.path })).release();
    renameSync(path('ours'), join(elsewhere.path, 'target'));
    symlinkSync(join(elsewhere.path, 'target'), path('link'));
    mkdirSync(path('folder'));
    writeFileSync(path('notes.txt'), 'hello');
    writeFileSync(path('.gitkeep'), '');
    writeFileSync(path('nearly'), 'oslo-concurrency owners\n');
    const names = ['.gitkeep', 'folder', 'link', 'nearly', 'notes.txt'];
    expect(await cleanLocks({ lockPath: directory.path })).toEqual({
      removed: [],
      kept: names.map((name) => ({ name, reason: 'foreign' })),
    });
    for (const name of names) expect(existsSync(path(name))).toBe(true);
    expect(existsSync(join(elsewhere.path, 'target'))).toBe(true);
  });

  it('takes no empty file for a lock file where this library never locked', async () => {
    using directory = lockDirectory();
    writeFileSync(join(directory.path, '__init__.py'), '');
    expect(await cleanLocks({ lockPath: directory.path })).toEqual({
      removed: [],
      kept: [{ name: '__init__.py', reason: 'foreign' }],
    });
    expect(visible(directory.path)).toEqual(['__init__.py']);
  });

  it('G19 leaves what tells the next holder that the last one died, unless asked', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, lockPath: directory.path };
    await using victim = await Contender.start();
    await victim.acquire('alone', options);
    await victim.acquire('pool', { ...options, permits: 2 });
    await victim.end();
    const abandoned = ['alone', 'pool'].map((name) => ({ name, reason: 'abandoned' }));
    for (const dryRun of [true, false]) {
      expect(await cleanLocks({ lockPath: directory.path, dryRun })).toEqual({ removed: [], kept: abandoned });
    }
    const next = await lock('alone', options);
    expect(next.previousOwnerDied).toBe(true);
    await next.release();
    expect((await cleanLocks({ lockPath: directory.path })).removed).toEqual(['alone']);
    expect((await cleanLocks({ lockPath: directory.path, abandoned: true })).removed).toEqual(['pool']);
    expect(hidden(directory.path, 'seats')).toEqual([]);
  });

  it('removes what a crash left half made more than an hour ago, and nothing younger or of another name', async () => {
    using directory = lockDirectory();
    await (await lock('x', { external: true, lockPath: directory.path })).release();
    const hidden = join(directory.path, '.oslo-concurrency');
    const old = [
      join(hidden, `new.${randomUUID()}`),
      join(hidden, `driver.${randomUUID()}`),
      `${hidden}.${randomUUID()}`,
    ];
    const young = [join(hidden, `new.${randomUUID()}`), `${hidden}.${randomUUID()}`];
    const foreign = [join(hidden, 'new.file'), `${hidden}.copy`];
    for (const path of [...old, ...young, ...foreign]) mkdirSync(path);
    writeFileSync(join(old[1] as string, 'kernel'), '');
    const hoursAgo = Date.now() / 1000 - 3700;
    for (const path of [...old, ...foreign]) utimesSync(path, hoursAgo, hoursAgo);
    const cleaned = await cleanLocks({ lockPath: directory.path, dryRun: true });
    // What is half made is not listed as something of a stranger.
    expect(cleaned).toEqual({ removed: ['x'], kept: [{ name: '.oslo-concurrency.copy', reason: 'foreign' }] });
    for (const path of [...old, ...young, ...foreign]) expect(existsSync(path), path).toBe(true);
    await cleanLocks({ lockPath: directory.path });
    for (const path of old) expect(existsSync(path), path).toBe(false);
    for (const path of [...young, ...foreign]) expect(existsSync(path), path).toBe(true);
  });

  it('goes on after what the system refuses to remove, and reports it', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, lockPath: directory.path };
    for (const name of ['first', 'stuck', 'third']) await (await lock(name, options)).release();
    // A folder where the queue file would be: it cannot be opened as one.
    mkdirSync(join(directory.path, '.oslo-concurrency', 'queue', 'stuck'), { recursive: true });
    const { removed, kept } = await cleanLocks({ lockPath: directory.path });
    expect(removed).toEqual(['first', 'third']);
    expect(kept).toMatchObject([{ name: 'stuck', reason: 'failed', error: expect.any(Error) }]);
    expect(visible(directory.path)).toEqual(['stuck']);
  });

  it('leaves no descriptor open', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, lockPath: directory.path };
    const inside = (): string[] => readdirSync('/proc/self/fd').filter((fd) => targetOf(fd).startsWith(directory.path));
    await using holder = await Contender.start();
    await holder.acquire('held', options);
    writeFileSync(join(directory.path, 'oslo'), '');
    linkSync(join(directory.path, 'oslo'), join(directory.path, 'twice'));
    await cleanLocks({ lockPath: directory.path });
    expect(inside()).toEqual([]);
  });
});

it.runIf(process.platform === 'linux')('G20 cleans no lock path on a network file system', async () => {
  using directory = lockDirectory();
  writeFileSync(join(directory.path, 'x'), 'oslo-concurrency owner of another machine\n');
  mkdirSync(join(directory.path, '.oslo-concurrency'));
  const { statfsSync } = fs;
  // The kernel's answer for a directory on NFS.
  fs.statfsSync = (() => ({ type: 0x6969 })) as unknown as typeof statfsSync;
  syncBuiltinESMExports();
  try {
    const refused = { code: 'ERR_NETWORK_FILE_SYSTEM', fileSystem: 'nfs' };
    await expect(cleanLocks({ lockPath: directory.path, abandoned: true })).rejects.toMatchObject(refused);
    await expect(lock('x', { external: true, lockPath: directory.path })).rejects.toMatchObject(refused);
  } finally {
    fs.statfsSync = statfsSync;
    syncBuiltinESMExports();
  }
  expect(visible(directory.path)).toEqual(['x']);
});

it('cleanLocks refuses a lock path marked by a driver it does not know, and wrong options, before it does anything', async () => {
  using directory = lockDirectory();
  await (await lock('x', { external: true, lockPath: directory.path })).release();
  const marker = join(directory.path, '.oslo-concurrency', 'driver');
  expect(readFileSync(join(marker, 'kernel'), 'utf8')).not.toBe('');
  renameSync(join(marker, 'kernel'), join(marker, 'mine'));
  await expect(cleanLocks({ lockPath: directory.path })).rejects.toMatchObject({ code: 'ERR_LOCK_DRIVER_MISMATCH' });
  for (const wrong of [{ olderThan: -1 }, { olderThan: Number.NaN }, { dryRun: 'yes' }, { abandoned: 1 }]) {
    await expect(cleanLocks({ lockPath: directory.path, ...(wrong as object) })).rejects.toMatchObject({
      code: 'ERR_INVALID_OPTION',
    });
  }
  expect(visible(directory.path)).toEqual(['x']);
});

function targetOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return '';
  }
}
