import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { closeLockPath, type LockOptions, lock, removeExternalLockFile, Semaphores } from '@oslo-concurrency/lockutils';
import { defaultKernelSystem, type KernelSystem, kernelDriver } from '@oslo-concurrency/lockutils/drivers';
import { describe, expect, it, vi } from 'vitest';
import { Contender } from '../support/contender.js';
import { lockDirectory } from '../support/lock-directory.js';

const openDescriptors = (): number => fs.readdirSync('/proc/self/fd').length;
const failing = (code: string): NodeJS.ErrnoException => Object.assign(new Error(`${code}: injected`), { code });

describe.each([[false], [true]])('G16 hostile directories, fair: %s', (fair) => {
  const optionsIn = (lockPath: string): LockOptions => ({ external: true, fair, lockPath });

  it.each<[string, (path: string, other: string) => void, string]>([
    ['a symbolic link', (path, other) => fs.symlinkSync(other, path), 'a symbolic link'],
    ['a dangling symbolic link', (path) => fs.symlinkSync(`${path}-nowhere`, path), 'a symbolic link'],
    ['a directory', (path) => fs.mkdirSync(path), 'a directory'],
    ['a FIFO', (path) => execFileSync('mkfifo', [path]), 'a FIFO'],
  ])('%s in place of the lock file is an error, and is not followed', async (_title, put, found) => {
    using directory = lockDirectory();
    const other = join(directory.path, 'other');
    fs.writeFileSync(other, 'precious');
    put(join(directory.path, 'x'), other);
    const before = openDescriptors();
    await expect(lock('x', optionsIn(directory.path))).rejects.toMatchObject({ code: 'ERR_LOCK_FILE_TYPE', found });
    expect(fs.readFileSync(other, 'utf8')).toBe('precious');
    expect(fs.existsSync(`${join(directory.path, 'x')}-nowhere`)).toBe(false);
    // The queue is kept open for a moment.
    closeLockPath({ lockPath: directory.path });
    expect(openDescriptors()).toBe(before);
  });

  it('a symbolic link laid there while waiting is an error, not a grant', async () => {
    using directory = lockDirectory();
    const options = optionsIn(directory.path);
    const path = join(directory.path, 'x');
    const held = await lock('x', options);
    const driver = kernelDriver();
    const request = { name: 'x', path, shared: false, permits: undefined, label: undefined };
    expect(driver.tryAcquire(request)).toBeUndefined();
    fs.unlinkSync(path);
    fs.symlinkSync(join(directory.path, 'elsewhere'), path);
    // A refused try looks at the name every so often; none is ever granted.
    await vi.waitFor(() => {
      expect(() => expect(driver.tryAcquire(request)).toBeUndefined()).toThrow(
        expect.objectContaining({ code: 'ERR_LOCK_FILE_TYPE' }),
      );
    });
    expect(fs.existsSync(join(directory.path, 'elsewhere'))).toBe(false);
    await expect(held.release()).rejects.toMatchObject({ cause: { code: 'ERR_LOCK_LOST' } });
  });

  it('a symbolic link in place of a hidden folder is an error, and no file is made behind it', async () => {
    using directory = lockDirectory();
    using elsewhere = lockDirectory();
    await (await lock('x', { external: true, lockPath: directory.path })).release();
    fs.symlinkSync(elsewhere.path, join(directory.path, '.oslo-concurrency', 'queue'));
    const fairly = lock('x', { external: true, fair: true, lockPath: directory.path });
    await expect(fairly).rejects.toMatchObject({ code: 'ERR_LOCK_PATH', problem: 'not-a-directory' });
    expect(fs.readdirSync(elsewhere.path)).toEqual([]);
  });

  it('what another program wrote into the lock file stays as it is', async () => {
    using directory = lockDirectory();
    fs.writeFileSync(join(directory.path, 'x'), 'precious');
    await (await lock('x', optionsIn(directory.path))).release();
    expect(fs.readFileSync(join(directory.path, 'x'), 'utf8')).toBe('precious');
  });

  it('a file with the content of another program is not removed', async () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'package.json');
    fs.writeFileSync(path, '{"mine":1}');
    await lock('package.json', { ...optionsIn(directory.path), removeOnRelease: true }, () => {});
    await removeExternalLockFile('package.json', { lockPath: directory.path, fair });
    expect(fs.readFileSync(path, 'utf8')).toBe('{"mine":1}');
  });

  it('what another program wrote into the lock file stays as it is when a reader becomes writer', async () => {
    using directory = lockDirectory();
    fs.writeFileSync(join(directory.path, 'x'), 'precious');
    const held = await lock('x', { ...optionsIn(directory.path), shared: true });
    await held.upgrade();
    await held.downgrade();
    await held.release();
    expect(fs.readFileSync(join(directory.path, 'x'), 'utf8')).toBe('precious');
  });

  it('a missing lock path is an error, and is not created', async () => {
    using directory = lockDirectory();
    const missing = join(directory.path, 'missing');
    await expect(lock('x', optionsIn(missing))).rejects.toMatchObject({ code: 'ERR_LOCK_PATH', problem: 'missing' });
    expect(fs.existsSync(missing)).toBe(false);
  });

  it('a file as lock path is an error', async () => {
    using directory = lockDirectory();
    const file = join(directory.path, 'file');
    fs.writeFileSync(file, '');
    await expect(lock('x', optionsIn(file))).rejects.toMatchObject({ problem: 'not-a-directory' });
  });

  it('a lock path that everybody may write to is an error, unless it is sticky', async () => {
    using directory = lockDirectory();
    fs.chmodSync(directory.path, 0o777);
    await expect(lock('x', optionsIn(directory.path))).rejects.toMatchObject({ problem: 'insecure' });
    fs.chmodSync(directory.path, 0o1777);
    await (await lock('x', optionsIn(directory.path))).release();
  });

  it.each([
    ['EROFS', 'ERR_LOCK_PATH'],
    ['EACCES', 'ERR_LOCK_FILE_ACCESS'],
    ['EMFILE', 'ERR_LOCK_FILE_SYSTEM'],
    ['ENOSPC', 'ERR_LOCK_FILE_SYSTEM'],
    ['EIO', 'ERR_LOCK_FILE_SYSTEM'],
  ])('%s at the lock file is an error of its own, and leaves no descriptor', async (code, expected) => {
    using directory = lockDirectory();
    const system: KernelSystem = {
      ...defaultKernelSystem,
      openSync: ((path: string, ...rest: [number, number]) => {
        if (path.endsWith('/x')) throw failing(code);
        return fs.openSync(path, ...rest);
      }) as typeof fs.openSync,
    };
    const before = openDescriptors();
    const options = { ...optionsIn(directory.path), driver: kernelDriver({ system }) };
    await expect(lock('x', options)).rejects.toMatchObject({ code: expected, cause: { code } });
    // Idle ones of other tests may have been closed.
    expect(openDescriptors()).toBeLessThanOrEqual(before);
  });

  it.each([['ENOLCK'], ['ENOSYS'], ['EINVAL']])('G20 %s from the kernel is never a grant', async (code) => {
    using directory = lockDirectory();
    const system: KernelSystem = {
      ...defaultKernelSystem,
      tryLock: () => {
        throw failing(code);
      },
    };
    const before = openDescriptors();
    const options = { ...optionsIn(directory.path), driver: kernelDriver({ system }) };
    await expect(lock('x', options)).rejects.toMatchObject({ code: 'ERR_LOCK_UNSUPPORTED' });
    expect(openDescriptors()).toBe(before);
  });
});

it('G16 a symbolic link in place of a wake file is not followed: what it leads to keeps its times', async () => {
  using directory = lockDirectory();
  using elsewhere = lockDirectory();
  const precious = join(elsewhere.path, 'precious');
  fs.writeFileSync(precious, '');
  const before = fs.statSync(precious).mtimeMs;
  const wake = join(directory.path, '.oslo-concurrency', 'wake');
  fs.mkdirSync(wake, { recursive: true });
  for (let file = 0; file < 64; file += 1) fs.symlinkSync(precious, join(wake, String(file)));
  await using waiter = await Contender.start();
  const options: LockOptions = { external: true, fair: true, lockPath: directory.path };
  const held = await lock('x', options);
  const { granted } = await waiter.queue('x', options);
  await held.release();
  await granted;
  expect(fs.statSync(precious).mtimeMs).toBe(before);
});

it.each<LockOptions>([{ fair: true }, { shared: true }, { permits: 2 }])(
  "G16 in a sticky directory another user's files are used where the kernel refuses to create them: %o",
  async (mode) => {
    using directory = lockDirectory();
    // What fs.protected_regular does to whoever is not the owner, root included.
    const system: KernelSystem = {
      ...defaultKernelSystem,
      openSync: ((path: string, flags: number, permissions: number) => {
        const creates = (flags & fs.constants.O_CREAT) !== 0 && (flags & fs.constants.O_EXCL) === 0;
        if (creates && fs.existsSync(path)) throw failing('EACCES');
        return fs.openSync(path, flags, permissions);
      }) as typeof fs.openSync,
    };
    const options: LockOptions = { external: true, lockPath: directory.path, ...mode };
    await lock('x', options, () => {});
    await lock('x', { ...options, driver: kernelDriver({ system }) }, () => {});
  },
);

it('G16 a damaged ticket counter does not keep a release busy', async () => {
  using directory = lockDirectory();
  let reads = 0;
  const system: KernelSystem = {
    ...defaultKernelSystem,
    readSync: (...call) => {
      reads += 1;
      return defaultKernelSystem.readSync(...call);
    },
  };
  const held = await lock('x', {
    external: true,
    fair: true,
    lockPath: directory.path,
    driver: kernelDriver({ system }),
  });
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64LE(2n ** 20n);
  const queue = fs.openSync(join(directory.path, '.oslo-concurrency', 'queue', 'x'), 'r+');
  fs.writeSync(queue, counter, 0, 8, 0);
  fs.closeSync(queue);
  reads = 0;
  await held.release();
  expect(reads).toBeLessThan(2000);
});

it('G19 the death of an owner is told once, also when the disk takes no record of the next one', async () => {
  using directory = lockDirectory();
  const full: KernelSystem = {
    ...defaultKernelSystem,
    writeSync: (fd, buffer, offset, length, position) => {
      if (length > 32) throw failing('ENOSPC');
      return defaultKernelSystem.writeSync(fd, buffer, offset, length, position);
    },
  };
  const options: LockOptions = { external: true, lockPath: directory.path };
  const victim = await Contender.start();
  await victim.acquire('x', options);
  await victim.end('SIGKILL');
  const told: boolean[] = [];
  for (const driver of [kernelDriver({ system: full }), kernelDriver()]) {
    await lock('x', { ...options, driver }, (held) => void told.push(held.previousOwnerDied));
  }
  expect(told).toEqual([true, false]);
});

it('G14 a lock file that cannot be removed is released all the same', async () => {
  using directory = lockDirectory();
  const system: KernelSystem = {
    ...defaultKernelSystem,
    unlinkSync: () => {
      throw failing('EPERM');
    },
  };
  const options = { external: true, lockPath: directory.path, driver: kernelDriver({ system }) };
  await lock('x', { ...options, removeOnRelease: true }, () => {});
  await lock('x', { ...options, blocking: false }, () => {});
});

it.each([[false], [true]])(
  'G6 without an inotify instance left every wait is granted all the same, fair: %s',
  async (fair) => {
    using directory = lockDirectory();
    const system: KernelSystem = {
      ...defaultKernelSystem,
      watch: () => {
        throw failing('EMFILE');
      },
    };
    const options = { external: true, fair, lockPath: directory.path };
    await using holder = await Contender.start();
    for (let round = 0; round < 3; round += 1) {
      await holder.acquire('x', options);
      let waits = (): void => {};
      const started = new Promise<void>((resolve) => {
        waits = resolve;
      });
      const waiting = lock('x', { ...options, driver: kernelDriver({ system }), onWait: () => waits() });
      await started;
      await holder.release('x');
      await (await waiting).release();
    }
  },
);

it('a throwing onWait rejects the call and leaves no place in line', async () => {
  using directory = lockDirectory();
  const options = { external: true, fair: true, lockPath: directory.path };
  const held = await lock('x', options);
  const broken = new Error('broken');
  const other = { ...options, driver: kernelDriver(), semaphores: new Semaphores() };
  const throwing = lock('x', {
    ...other,
    onWait: () => {
      throw broken;
    },
  });
  await expect(throwing).rejects.toBe(broken);
  await held.release();
  await lock('x', { ...options, blocking: false }, () => {});
});

it('G16 without room for the owner record a lock is granted all the same, and without room for a queue it waits', async () => {
  using directory = lockDirectory();
  const system: KernelSystem = {
    ...defaultKernelSystem,
    writeSync: () => {
      throw failing('ENOSPC');
    },
  };
  const options = { external: true, lockPath: directory.path, driver: kernelDriver({ system }) };
  const held = await lock('x', options);
  const other = kernelDriver({ system });
  const waiter = lock('x', { ...options, driver: other, semaphores: undefined as never });
  await held.release();
  await (await waiter).release();
  const fair = { ...options, fair: true };
  await lock('x', fair, () => {});
  // A ticket needs room: to wait in order is refused.
  const request = { name: 'x', path: join(directory.path, 'x'), shared: false, permits: undefined, label: undefined };
  const foreign = await kernelDriver().tryAcquire(request);
  await expect(lock('x', fair)).rejects.toMatchObject({ code: 'ERR_LOCK_FILE_SYSTEM' });
  await foreign?.release();
});

it.runIf(process.getuid?.() === 0)(
  'G16 a full and a read-only file system are errors, and nothing is lost',
  async () => {
    using directory = lockDirectory();
    const mount = (...args: string[]) => execFileSync('mount', args, { stdio: 'pipe' });
    try {
      mount('-t', 'tmpfs', '-o', 'size=64k,mode=755', 'tmpfs', directory.path);
    } catch {
      // Not even root may mount everywhere, in a container for instance.
      return;
    }
    try {
      const options: LockOptions = { external: true, lockPath: directory.path };
      await (await lock('before', options)).release();
      fs.writeFileSync(join(directory.path, 'filler'), Buffer.alloc(32 * 1024));
      try {
        for (let n = 0; ; n += 1) fs.appendFileSync(join(directory.path, 'filler'), Buffer.alloc(4096, n));
      } catch (error) {
        expect(error).toMatchObject({ code: 'ENOSPC' });
      }
      await (await lock('before', options)).release();
      const late = await lock('after', options).catch((error: unknown) => error);
      if (late instanceof Error) expect(late).toMatchObject({ code: 'ERR_LOCK_FILE_SYSTEM' });
      else await (late as { release(): Promise<void> }).release();
      // Busy until the descriptor that is kept for a moment after release is closed.
      await vi.waitFor(() => mount('-o', 'remount,ro', directory.path), { interval: 10, timeout: 5000 });
      await expect(lock('before', options)).rejects.toMatchObject({ code: 'ERR_LOCK_PATH', problem: 'read-only' });
    } finally {
      execFileSync('umount', ['-l', directory.path]);
    }
  },
);

const asRoot = describe.runIf(process.getuid?.() === 0);
asRoot.each(['755', '700'])('a lock path that another user owns, with mode %s', (mode) => {
  it('G16 is an error for this one, and says so', () => {
    using directory = lockDirectory();
    fs.chmodSync(directory.path, Number.parseInt(mode, 8));
    const code = `
    process.setuid(65534);
    const { lock } = await import(${JSON.stringify(import.meta.resolve('@oslo-concurrency/lockutils'))});
    await lock('x', { external: true, lockPath: ${JSON.stringify(directory.path)} }).catch((e) => console.log(e.code, e.problem));`;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' });
    expect(output.trim()).toBe('ERR_LOCK_PATH not-writable');
  });
});

describe('names', () => {
  it.each([
    ['', 'empty'],
    ['.', 'dots'],
    ['..', 'dots'],
    ['a\0b', 'nul'],
    ['x'.repeat(256), 'too-long'],
    ['ü'.repeat(128), 'too-long'],
    ['.oslo-concurrency', 'reserved'],
  ])('G16 %j is refused as %s, before anything is opened', async (name, problem) => {
    using directory = lockDirectory();
    const failure = lock(name, { external: true, lockPath: directory.path });
    await expect(failure).rejects.toMatchObject({ code: 'ERR_INVALID_LOCK_NAME', problem });
    expect(fs.readdirSync(directory.path)).toEqual([]);
  });

  it('G16 anything else is a file name: spaces, slashes, line feeds, dots, 255 bytes', async () => {
    using directory = lockDirectory();
    for (const name of [' ', 'a/../b', 'a\nb', '...', '-rf', 'ü'.repeat(127), 'x'.repeat(255)]) {
      await (await lock(name, { external: true, lockPath: directory.path, fair: true })).release();
    }
    expect(fs.readdirSync(directory.path)).toContain('a_.._b');
  });
});
