import { dirname, join } from 'node:path';
import { type Steps, step } from '../../steps.js';
import { isCode, namesIn, quietly } from './owner-file.js';
import type { LockfileFs } from './system.js';

/**
 * Renames the folder `prepared`, which contains `own`, to `target`. rename(2) succeeds only if `target` is missing or
 * an empty folder; `false` if another owner's folder is there. @throws ENOENT if the parent folder of `target` does not
 * exist.
 */
export function* moveIn(fs: LockfileFs, prepared: string, target: string, own: string): Steps<boolean> {
  for (let round = 1; ; round += 1) {
    try {
      yield* step(fs.rename(prepared, target));
      return true;
    } catch (error) {
      if (isCode(error, 'ENOTEMPTY', 'EEXIST')) return false;
      // Windows and some servers also report EPERM for "not empty" and for "exists", and a server's answer may be lost.
      const names = yield* namesIn(fs, target);
      if (names.includes(own)) return true;
      if (names.length > 0) return false;
      if (round === 3) return yield* deniedToAll(fs, prepared, target, own, error);
      // An empty folder is free, so removing it takes the lock from no process; the removal fails if an owner has moved
      // in.
      yield* quietly(() => fs.rmdir(target));
    }
  }
}

// The folder looks empty, but can be neither replaced nor removed. Either a cache is outdated and an owner is in it, or
// we may not change anything here. A rename to an unused name beside it shows which.
function* deniedToAll(fs: LockfileFs, prepared: string, target: string, own: string, error: unknown): Steps<false> {
  if (!isCode(error, 'EPERM', 'EACCES')) throw error;
  const aside = join(dirname(target), own);
  try {
    yield* step(fs.rename(prepared, aside));
  } catch {
    throw error;
  }
  yield* step(fs.rename(aside, prepared));
  return false;
}
