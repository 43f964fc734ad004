import { writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Contender } from '../../../support/contender.js';
import { lockDirectory } from '../../../support/lock-directory.js';
import { runFixture } from '../../../support/run-fixture.js';

const hasFfi = isBuiltin('node:ffi');
/** For a child that loads node:ffi, which Node warns of. */
const ffiEnv = { OSLO_KERNEL_CALLS: 'ffi', NODE_OPTIONS: '--disable-warning=ExperimentalWarning' };
const external = (lockPath: string) => ({ external: true, driver: 'kernel', lockPath }) as const;

describe.skipIf(!hasFfi)('node:ffi (only on Node 26.1 and newer)', () => {
  it('G1 gives the same answers and errors as the add-on, and each sees the locks of the other', async () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    writeFileSync(path, '');
    const { stdout, stderr } = await runFixture('calls-byte-locks.mjs', path, { env: ffiEnv });
    expect(stderr).toBe('');
    const { addOn, ffi, errors } = JSON.parse(stdout);
    const answers = [true, false, false, 'done', true, true, false, true, false, true, false, 'done', true];
    expect(addOn.slice(0, 15)).toEqual([...answers, 'done', 'done']);
    expect(ffi.slice(0, 15)).toEqual(addOn.slice(0, 15));
    expect(addOn.slice(15)).toEqual(['EBADF', true, false, 'done']);
    expect(ffi.slice(15)).toEqual(['EBADF fcntl', true, false, 'done']);
    expect(errors).toEqual(['EBADF fcntl', 'EBADF fcntl', 'EINVAL fcntl']);
  });

  it.each([
    ['the add-on', 'node:ffi', {}, ffiEnv],
    ['node:ffi', 'the add-on', ffiEnv, {}],
  ])('G1 a process with %s excludes one with %s, exclusively and shared', async (_, __, holderEnv, waiterEnv) => {
    using directory = lockDirectory();
    await using holder = await Contender.start(holderEnv);
    await using waiter = await Contender.start(waiterEnv);
    const options = external(directory.path);
    await holder.acquire('x', options);
    await expect(waiter.acquire('x', { ...options, blocking: false })).rejects.toMatchObject({
      code: 'ERR_LOCK_NOT_ACQUIRED',
    });
    const { granted } = await waiter.queue('x', options);
    await holder.release('x');
    await granted;
    await waiter.release('x');
    await holder.acquire('x', { ...options, shared: true });
    await waiter.acquire('x', { ...options, shared: true });
    await waiter.release('x');
    await expect(waiter.acquire('x', { ...options, blocking: false })).rejects.toMatchObject({
      code: 'ERR_LOCK_NOT_ACQUIRED',
    });
  });

  it('G2 the kernel drops the lock of a killed process that locked through node:ffi', async () => {
    using directory = lockDirectory();
    await using holder = await Contender.start(ffiEnv);
    await using waiter = await Contender.start();
    await holder.acquire('x', external(directory.path));
    const { granted } = await waiter.queue('x', external(directory.path));
    await holder.end();
    expect(await granted).toMatchObject({ previousOwnerDied: true });
  });

  it('G21 the kernel driver uses it where the add-on cannot be loaded, and reports that in the log', async () => {
    using directory = lockDirectory();
    const env = { ...ffiEnv, OSLO_KERNEL_CALLS: 'auto' };
    const { stdout } = await runFixture('kernel-without-add-on.mjs', directory.path, { env });
    expect(stdout).toMatch(/^held\ninfo The kernel driver uses node:ffi, because .* --disable-warning=Exp/);
  });

  it('G21 the kernel driver uses it where the caller asks for it, without the add-on', async () => {
    using directory = lockDirectory();
    const { stdout, stderr } = await runFixture('kernel-without-add-on.mjs', directory.path, { env: ffiEnv });
    expect({ stdout, stderr }).toEqual({ stdout: 'held\n', stderr: '' });
  });

  it('G21 the error explains what Node must allow for it', async () => {
    using directory = lockDirectory();
    const told = async (...execArgv: string[]) => {
      const env = { OSLO_KERNEL_CALLS: 'auto' };
      return (await runFixture('kernel-without-add-on.mjs', directory.path, { env, execArgv })).stdout;
    };
    expect(await told('--no-experimental-ffi')).toMatch(/^ERR_ADDON_UNAVAILABLE .* --no-experimental-ffi\. If/);
    const permission = ['--permission', '--allow-fs-read=*', `--allow-fs-write=${directory.path}`];
    expect(await told(...permission)).toMatch(/^ERR_ADDON_UNAVAILABLE .* --allow-addons.* with --allow-ffi\. If/);
    expect(await told('--no-warnings', '--allow-ffi', ...permission)).toMatch(/^held\n/);
  });
});

describe('the kernel driver', () => {
  it.skipIf(process.platform !== 'linux')('G21 on Alpine loads the build of the add-on for glibc', async () => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    writeFileSync(path, '');
    const { stdout } = await runFixture('byte-locks-on-alpine.mjs', path);
    const answers = [true, false, false, true, true, false, true, 'EBADF'];
    expect(JSON.parse(stdout)).toEqual({ asked: true, answers });
  });

  it.skipIf(hasFfi)('G21 without the add-on says which Node needs none', async () => {
    using directory = lockDirectory();
    const { stdout } = await runFixture('kernel-without-add-on.mjs', directory.path);
    expect(stdout).toMatch(
      /^ERR_ADDON_UNAVAILABLE .* node:ffi needs Node 26\.1 or newer, and this is v2\d\..*lockfile/,
    );
  });

  it.skipIf(hasFfi)('G21 refuses node:ffi where the caller asks for it and it is missing', async () => {
    using directory = lockDirectory();
    const env = { OSLO_KERNEL_CALLS: 'ffi' };
    const { stdout } = await runFixture('kernel-without-add-on.mjs', directory.path, { env });
    expect(stdout).toMatch(/^ERR_ADDON_UNAVAILABLE The option kernelCalls is 'ffi', but node:ffi needs Node 26\.1/);
  });
});
