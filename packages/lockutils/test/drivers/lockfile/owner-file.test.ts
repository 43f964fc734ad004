import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { moveIn, prepareFolder } from '../../../build/drivers/lockfile/owner-file.js';
import { type LockfileFs, synchronousFs } from '../../../build/drivers/lockfile/system.js';
import { runSync } from '../../../build/steps.js';
import { lockDirectory } from '../../support/lock-directory.js';

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** A prepared folder with the owner file `own` in it, and the place that it should go to. */
function scene(directory: string): { readonly prepared: string; readonly target: string } {
  const prepared = join(directory, 'own');
  mkdirSync(prepared);
  writeFileSync(join(prepared, 'own'), '');
  return { prepared, target: join(directory, 'x') };
}

const move = (fs: Partial<LockfileFs>, { prepared, target }: ReturnType<typeof scene>): boolean =>
  runSync(moveIn({ ...synchronousFs, ...fs }, prepared, target, 'own'));

describe('an owner file that is moved in', () => {
  it('is there though the answer of the rename was lost', () => {
    using directory = lockDirectory();
    const paths = scene(directory.path);
    let renames = 0;
    const rename = (from: string, to: string): void => {
      renames += 1;
      renameSync(from, to);
      throw systemError('EIO');
    };
    expect(move({ rename }, paths)).toBe(true);
    expect(renames).toBe(1);
    expect(readdirSync(paths.target)).toEqual(['own']);
  });

  it('replaces an empty folder where the system refuses to rename over one', () => {
    using directory = lockDirectory();
    const paths = scene(directory.path);
    mkdirSync(paths.target);
    const rename = (from: string, to: string): void => {
      if (existsSync(to)) throw systemError('EPERM');
      renameSync(from, to);
    };
    expect(move({ rename }, paths)).toBe(true);
    expect(readdirSync(paths.target)).toEqual(['own']);
  });

  it('stays out while another owner is there, whatever the error of the system says', () => {
    using directory = lockDirectory();
    const paths = scene(directory.path);
    mkdirSync(paths.target);
    writeFileSync(join(paths.target, 'other'), '');
    let calls = 0;
    const rename = (): void => {
      calls += 1;
      throw systemError('EPERM');
    };
    expect(move({ rename }, paths)).toBe(false);
    expect(calls).toBe(1);
    expect(readdirSync(paths.prepared)).toEqual(['own']);
  });

  it('stays out if a cache shows the place as empty, and this user may rename beside it', () => {
    using directory = lockDirectory();
    const { prepared } = scene(directory.path);
    const folder = join(directory.path, 'held');
    mkdirSync(folder);
    const target = join(folder, 'x');
    const rename = (from: string, to: string): void => {
      if (to === target) throw systemError('EACCES');
      renameSync(from, to);
    };
    expect(move({ rename, readdir: () => [] }, { prepared, target })).toBe(false);
    expect(readdirSync(prepared)).toEqual(['own']);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each(['EACCES', 'EIO'])(
    'that this user may not move anywhere, or that fails otherwise, is an error: %s',
    (code) => {
      using directory = lockDirectory();
      const paths = scene(directory.path);
      const rename = (): void => {
        throw systemError(code);
      };
      expect(() => move({ rename }, paths)).toThrow(code);
      expect(readdirSync(paths.prepared)).toEqual(['own']);
    },
  );
});

it('G9 a folder is prepared though other processes that came first replace the folder around it again and again', () => {
  using directory = lockDirectory();
  let removed = 0;
  const fs: LockfileFs = {
    ...synchronousFs,
    mkdir(path, rights) {
      if (removed < 3) {
        rmdirSync(dirname(path));
        removed += 1;
      }
      return synchronousFs.mkdir(path, rights);
    },
  };
  const prepared = runSync(prepareFolder(fs, join(directory.path, 'x'), 'own'));
  expect(removed).toBe(3);
  expect(readdirSync(dirname(prepared))).toEqual(['own']);
});
