import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeHiddenFolder } from '../../build/lock-path/hidden-folder.js';
import { createFile } from '../../build/lock-path/new-file.js';

let lockPath: string;
let umask: number;
beforeEach(() => {
  lockPath = mkdtempSync(join(tmpdir(), 'lock-path-'));
  chmodSync(lockPath, 0o770);
  umask = process.umask(0o077);
});
afterEach(() => {
  process.umask(umask);
  rmSync(lockPath, { recursive: true, force: true });
});

const rightsOf = (path: string): string => (statSync(path).mode & 0o7777).toString(8);

describe.skipIf(process.platform === 'win32')('a file that is created in a lock path', () => {
  test.each(['with', 'without'])(
    'has the rights of the lock path, and is all that is left, %s a hidden folder',
    (how) => {
      const hidden = how === 'with' ? makeHiddenFolder(lockPath) : undefined;
      const path = join(lockPath, 'x');
      createFile(lockPath, path);
      expect(rightsOf(path)).toBe('660');
      expect(readdirSync(lockPath)).toEqual(hidden === undefined ? ['x'] : ['.oslo-concurrency', 'x']);
      if (hidden !== undefined) expect([readdirSync(hidden), rightsOf(hidden)]).toEqual([[], '770']);
    },
  );

  test('takes the place of no other: the call fails and leaves nothing behind', () => {
    const hidden = makeHiddenFolder(lockPath);
    const path = join(lockPath, 'x');
    writeFileSync(path, 'not ours');
    expect(() => createFile(lockPath, path)).toThrow(expect.objectContaining({ code: 'EEXIST' }));
    expect(statSync(path).size).toBe(8);
    expect(readdirSync(hidden)).toEqual([]);
  });

  test('leaves no half-made folder behind when something else is at its place', () => {
    const hidden = makeHiddenFolder(lockPath);
    writeFileSync(join(hidden, 'queue'), '');
    expect(() => makeHiddenFolder(lockPath, 'queue')).toThrow(expect.objectContaining({ code: 'ENOTDIR' }));
    const elsewhere = join(lockPath, 'elsewhere');
    mkdirSync(elsewhere);
    rmSync(hidden, { recursive: true });
    symlinkSync(elsewhere, hidden);
    expect(() => makeHiddenFolder(lockPath, 'queue')).toThrow(expect.objectContaining({ code: 'ENOTDIR' }));
    expect([readdirSync(lockPath), readdirSync(elsewhere)]).toEqual([['.oslo-concurrency', 'elsewhere'], []]);
  });
});
