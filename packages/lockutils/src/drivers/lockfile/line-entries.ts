import { join } from 'node:path';
import type { Steps } from '../../steps.js';
import { lockPathsOf } from './lock-paths.js';
import { folderRemoved, isOfDead, namesIn, quietly, removed } from './owner-file.js';
import type { LockfileFs } from './system.js';

/** The owner files of those who wait in the line of a lock and may be alive. */
export function* waitersOf(fs: LockfileFs, lockFile: string, isDead = isOfDead): Steps<string[]> {
  const { extra: line } = lockPathsOf(lockFile);
  const waiters: string[] = [];
  for (const ticket of yield* namesIn(fs, line)) {
    waiters.push(...(yield* namesIn(fs, join(line, ticket))).filter((name) => !isDead(name)));
  }
  return waiters;
}

/**
 * Removes from the line of a lock the tickets of the dead and what is empty, and the line itself if nobody is left in
 * it; whether there is none now.
 *
 * It may be done by anybody at any time, as `TicketFolder` does it to those before it. A ticket of somebody alive is
 * never empty until it is given up: it is moved in with the owner file in it, and only its owner removes that or moves it
 * out again. A file is removed by its name, which never comes again, so the judgement may be old. That numbers go makes the
 * next one smaller at most, and still greater than those of all who are there.
 */
export function* clearLine(fs: LockfileFs, lockFile: string, isDead = isOfDead): Steps<boolean> {
  const { extra: line } = lockPathsOf(lockFile);
  for (const ticket of yield* namesIn(fs, line)) {
    const folder = join(line, ticket);
    for (const name of yield* namesIn(fs, folder)) if (isDead(name)) yield* removed(fs, join(folder, name));
    yield* quietly(() => fs.rmdir(folder));
  }
  return yield* folderRemoved(fs, line);
}
