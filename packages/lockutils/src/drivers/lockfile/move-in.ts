import { dirname, join } from 'node:path';
import { type Steps, step } from '../../steps.js';
import { isCode, namesIn, quietly } from './owner-file.js';
import type { LockfileFs } from './system.js';

/**
 * Renames the folder `prepared`, in which `own` lies, to `target`, which rename(2) does only if nothing or an empty folder
 * is there; `false` when somebody's is. @throws ENOENT when the folder that `target` would lie in is not there.
 */
export function* moveIn(fs: LockfileFs, prepared: string, target: string, own: string): Steps<boolean> {
  for (let round = 1; ; round += 1) {
    try {
      yield* step(fs.rename(prepared, target));
      return true;
    } catch (error) {
      if (isCode(error, 'ENOTEMPTY', 'EEXIST')) return false;
      // Windows and some servers say EPERM for "not empty" and for "exists" too, and a server's answer may be lost.
      const names = yield* namesIn(fs, target);
      if (names.includes(own)) return true;
      if (names.length > 0) return false;
      if (round === 3) return yield* deniedToAll(fs, prepared, target, own, error);
      // Empty is free, so removing it takes nothing from anybody; it fails if somebody has moved in.
      yield* quietly(() => fs.rmdir(target));
    }
  }
}

// The folder looks empty, and can neither be replaced nor removed: either a cache says so and somebody is in, or we may
// not change anything here. A free name beside it tells.
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
