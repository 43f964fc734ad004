import { join } from 'node:path';
import { newIdentityName } from '../../../owner/identity-name.js';
import { type Steps, step } from '../../../steps.js';
import { intoFolder, type LockPaths } from '../lock-paths.js';
import { isCode, quietly } from '../system.js';
import type { LeaseFs } from './lease-fs.js';

/** When the file was last written to, by the file system's own clock; `undefined` if there is none. */
export function* timeOf(fs: LeaseFs, path: string): Steps<number | undefined> {
  try {
    return yield* step(fs.mtime(path));
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** The time on the file system. Only a newly created entry shows it, which is made in `new/`. */
export function* timeNow(fs: LeaseFs, { prepared, remake }: LockPaths): Steps<number | undefined> {
  const probe = join(prepared, newIdentityName());
  yield* intoFolder(fs, remake, () => fs.mkdir(probe));
  try {
    return yield* timeOf(fs, probe);
  } finally {
    yield* quietly(() => fs.rmdir(probe));
  }
}

/** Whether the file system seems to report whole seconds only. */
export function isCoarse(...times: readonly number[]): boolean {
  return times.every((time) => time % 1000 === 0);
}
