import { chmodSync, chownSync, closeSync, mkdirSync, openSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { giveRights, synchronousRights } from '../../build/lock-path/rights.js';
import { runSync } from '../../build/steps.js';
import { lockDirectory } from '../support/lock-directory.js';

const service = 4711;
const isRoot = process.geteuid?.() === 0;

describe.runIf(isRoot)('what root creates in the lock path of a service', () => {
  const given = (path: string): number => {
    const fd = openSync(path, 'r');
    try {
      runSync(giveRights(synchronousRights, fd, path, 'folder'));
    } finally {
      closeSync(fd);
    }
    return statSync(path).uid;
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
    expect(statSync(full).mode & 0o777).toBe(0o700);
    expect(given(empty)).toBe(service);
    expect(statSync(empty).mode & 0o777).toBe(0o770);
  });

  test('stays as it is when another user owns it', () => {
    using directory = lockDirectory();
    chownSync(directory.path, service, service);
    const others = join(directory.path, 'others');
    mkdirSync(others, 0o700);
    chownSync(others, service + 1, service + 1);
    expect(given(others)).toBe(service + 1);
    expect(statSync(others)).toMatchObject({ gid: service + 1, mode: expect.any(Number) });
    expect(statSync(others).mode & 0o777).toBe(0o700);
  });
});
