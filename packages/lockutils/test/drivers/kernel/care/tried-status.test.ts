import { join } from 'node:path';
import { lock } from '@oslo-concurrency/lockutils';
import { expect, test } from 'vitest';
import { windowsStats } from '../../../../build/drivers/kernel/byte-locks/windows.js';
import { readEntry } from '../../../../build/drivers/kernel/care/lock-entry.js';
import { triedStatus } from '../../../../build/drivers/kernel/care/lock-status.js';
import { defaultKernelSystem } from '../../../../build/drivers/kernel/system.js';
import { Contender } from '../../../support/contender.js';
import { killChild } from '../../../support/kill-child.js';
import { lockDirectory } from '../../../support/lock-directory.js';

function tried(lockPath: string, name: string) {
  const entry = readEntry(defaultKernelSystem, join(lockPath, name));
  if (entry === undefined) throw new Error('there is no such file');
  return triedStatus(defaultKernelSystem, entry);
}

test('without a lock table a try tells a held lock, with its holder, from a free one and from a dead holder’s', async () => {
  using directory = lockDirectory();
  const options = { external: true, lockPath: directory.path };
  const other = await Contender.start();
  await other.acquire('x', options);
  expect(tried(directory.path, 'x')).toMatchObject({
    state: 'held',
    holders: [{ pid: other.pid }],
    waiters: undefined,
  });
  await other.release('x');
  expect(tried(directory.path, 'x')).toMatchObject({ state: 'free', holders: [], abandonedBy: undefined });
  await other.acquire('x', options);
  const { pid } = other;
  await killChild(other.process);
  expect(tried(directory.path, 'x')).toMatchObject({ state: 'free', holders: [], abandonedBy: { pid } });
  // The try has taken nothing and reported nothing.
  await lock('x', { ...options, blocking: false }, ({ previousOwnerDied }) => expect(previousOwnerDied).toBe(true));
});

test('the identity of a file on Windows is whole, and the same by its name and by a descriptor', () => {
  using directory = lockDirectory();
  const { openSync, closeSync } = defaultKernelSystem;
  const [one, other] = [join(directory.path, 'one'), join(directory.path, 'other')];
  const fd = openSync(one, 'w+');
  closeSync(openSync(other, 'w'));
  const { dev, ino } = windowsStats.fstatSync(fd);
  const named = windowsStats.lstatSync(one);
  closeSync(fd);
  expect([named?.dev, named?.ino, named?.isFile()]).toEqual([dev, ino, true]);
  expect(windowsStats.lstatSync(other)?.ino).not.toBe(ino);
  expect(dev * 2 ** 32 + ino).toBe(defaultKernelSystem.lstatSync(one)?.ino);
  expect(windowsStats.lstatSync(join(directory.path, 'none'))).toBeUndefined();
});
