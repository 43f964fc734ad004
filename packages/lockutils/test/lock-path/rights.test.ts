import { chmodSync, chownSync, closeSync, mkdirSync, openSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { giveRights, type Made, type RightsCalls, synchronousRights } from '../../build/lock-path/rights.js';
import { runSync } from '../../build/steps.js';
import { lockDirectory } from '../support/lock-directory.js';

const service = 4711;
const isRoot = process.geteuid?.() === 0;

describe.runIf(isRoot)('what root creates in the lock path of a service', () => {
  const given = (path: string, made: Made = 'folder', calls: Partial<RightsCalls> = {}): number => {
    const fd = openSync(path, 'r');
    try {
      runSync(giveRights({ ...synchronousRights, ...calls }, fd, path, made));
    } finally {
      closeSync(fd);
    }
    return statSync(path).uid;
  };
  const modeOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8);
  const refused = (): never => {
    throw Object.assign(new Error('EPERM: operation not permitted'), { code: 'EPERM' });
  };

  // A folder is opened by its name. Root cannot tell a folder of its own that is not empty from the one that it created.
  test('becomes the service’s, except a folder that is not empty', () => {
    using directory = lockDirectory();
    chownSync(directory.path, service, service);
    chmodSync(directory.path, 0o770);
    const [empty, full] = [join(directory.path, 'empty'), join(directory.path, 'full')];
    for (const folder of [empty, full]) mkdirSync(folder, 0o700);
    writeFileSync(join(full, 'file'), '');
    expect(given(full)).toBe(0);
    expect(modeOf(full)).toBe('700');
    expect(given(empty)).toBe(service);
    expect(modeOf(empty)).toBe('770');
  });

  test('stays as it is when another user owns it', () => {
    using directory = lockDirectory();
    chownSync(directory.path, service, service);
    const others = join(directory.path, 'others');
    mkdirSync(others, 0o700);
    chownSync(others, service + 1, service + 1);
    expect(given(others)).toBe(service + 1);
    expect(statSync(others).gid).toBe(service + 1);
    expect(modeOf(others)).toBe('700');
  });

  // Its group is not that of the lock path then: it must not get what the lock path gives to its own group.
  test('gives a group that could not be set what all others have, and passes it on to nothing', () => {
    using directory = lockDirectory();
    chownSync(directory.path, service, service);
    const [file, folder] = [join(directory.path, 'file'), join(directory.path, 'folder')];
    for (const [mode, ofFile, ofFolder] of [
      [0o2770, '600', '700'],
      [0o2775, '644', '755'],
    ] as const) {
      chmodSync(directory.path, mode);
      writeFileSync(file, '', { mode: 0o600 });
      mkdirSync(folder, { recursive: true });
      // The directory has passed its group on.
      for (const path of [file, folder]) chownSync(path, 0, 0);
      chmodSync(file, 0o600);
      chmodSync(folder, 0o700);
      given(file, 'file', { fchown: refused });
      given(folder, 'folder', { fchown: refused });
      expect([modeOf(file), modeOf(folder)]).toEqual([ofFile, ofFolder]);
    }
  });

  test('has its rights where no descriptor may be changed', () => {
    using directory = lockDirectory();
    chmodSync(directory.path, 0o770);
    const file = join(directory.path, 'file');
    writeFileSync(file, '', { mode: 0o600 });
    given(file, 'file', { fchmod: refused });
    expect(modeOf(file)).toBe('660');
  });

  test('follows the directory in which it really lies, and not the lock path that a link leads away from', () => {
    using directory = lockDirectory();
    using elsewhere = lockDirectory();
    chownSync(directory.path, service, service);
    chmodSync(directory.path, 0o777);
    symlinkSync(elsewhere.path, join(directory.path, '.oslo-concurrency'));
    const file = join(directory.path, '.oslo-concurrency', 'file');
    writeFileSync(file, '', { mode: 0o600 });
    expect(given(file, 'file')).toBe(0);
    expect(modeOf(file)).toBe('600');
  });
});
