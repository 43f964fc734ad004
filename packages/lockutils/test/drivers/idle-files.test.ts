import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readlinkSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { closeLockPath, lock } from '@oslo-concurrency/lockutils';
import { describe, expect, it } from 'vitest';
import { lockDirectory } from '../support/lock-directory.js';

const onLinux = process.platform === 'linux';
const program = fileURLToPath(new URL('../fixtures/runs-out-of-descriptors.mjs', import.meta.url));

/** What this process has open below a folder. */
function openIn(directory: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      return path.startsWith(directory + sep) ? [path] : [];
    } catch {
      // The one of the listing itself.
      return [];
    }
  });
}

describe.runIf(onLinux)('lock files that are kept open after their release', () => {
  it.concurrent.each([
    ['a lock', {}],
    ['a fair lock', { fair: true }],
    ['a reader', { shared: true }],
    ['a permit', { permits: 2 }],
    ['a lock in another lock path', { lockPath: 'other' }],
    ['a lock of the lockfile driver', { lockPath: 'other', driver: 'lockfile' }],
    ['a reader with the lockfile driver', { lockPath: 'other', driver: 'lockfile', shared: true }],
    ['a lock of the lockfile driver with promises', { lockPath: 'other', promised: true }],
    ['a wait', { wait: true }],
    ['a listing of the holders', { list: true }],
  ])('are not the reason why something fails when no descriptor is left: %s', async (_what, options) => {
    using directory = lockDirectory();
    mkdirSync(join(directory.path, 'other'));
    const shell = 'ulimit -n 64; exec "$@"';
    const args = ['-c', shell, 'sh', process.execPath, program, directory.path, JSON.stringify(options)];
    const said = JSON.parse((await promisify(execFile)('sh', args)).stdout);
    expect(said).toEqual({ error: null, held: expect.any(Number) });
    expect(said.held).toBeGreaterThan(20);
  });

  it('are closed at once by closeLockPath, for the lock path or a folder above it; what is held stays', async () => {
    using directory = lockDirectory();
    const lockPath = join(directory.path, 'locks');
    mkdirSync(lockPath);
    const options = { external: true, lockPath } as const;
    for (const path of [lockPath, directory.path, `${directory.path}${sep}`]) {
      await (await lock('idle', options)).release();
      const held = await lock('held', options);
      expect(openIn(lockPath).sort()).toEqual([join(lockPath, 'held'), join(lockPath, 'idle')]);
      closeLockPath({ lockPath: join(directory.path, 'lock') });
      expect(openIn(lockPath)).toHaveLength(2);
      closeLockPath({ lockPath: path });
      expect(openIn(lockPath)).toEqual([join(lockPath, 'held')]);
      await held.release();
      closeLockPath({ lockPath: path });
      expect(openIn(lockPath)).toEqual([]);
    }
  });

  it('are 16 at most, and closed soon after the last release', async () => {
    using directory = lockDirectory();
    const options = { external: true, lockPath: directory.path } as const;
    const held = [];
    for (let n = 0; n < 20; n += 1) held.push(await lock(`x${n}`, options));
    for (const one of held) await one.release();
    expect(openIn(directory.path)).toHaveLength(16);
    await expect.poll(() => openIn(directory.path)).toEqual([]);
  });

  it('keep no file system from being unmounted after closeLockPath', async (context) => {
    using directory = lockDirectory();
    try {
      execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', directory.path], { stdio: 'ignore' });
    } catch {
      return context.skip('no mounts here');
    }
    const unmount = (): unknown => execFileSync('umount', [directory.path], { stdio: 'pipe' });
    try {
      const lockPath = join(directory.path, 'locks');
      mkdirSync(lockPath);
      await (await lock('x', { external: true, lockPath, fair: true })).release();
      expect(unmount).toThrow('busy');
      closeLockPath({ lockPath: directory.path });
    } finally {
      unmount();
    }
  });

  it('closeLockPath refuses what it does not know', () => {
    expect(() => closeLockPath({ path: '/' } as never)).toThrow(
      expect.objectContaining({ name: 'InvalidOptionError' }),
    );
    expect(() => closeLockPath({ lockPath: '' })).toThrow(expect.objectContaining({ option: 'lockPath' }));
    expect(() => closeLockPath()).toThrow(expect.objectContaining({ code: 'ERR_LOCK_PATH_REQUIRED' }));
  });
});
