import { join } from 'node:path';
import type { Steps } from '../../steps.js';
import { lockPathsOf } from './lock-paths.js';
import { folderRemoved, isOfDead, namesIn, quietly, removed } from './owner-file.js';
import type { LockfileFs } from './system.js';

/** The owner files of the processes that wait in the queue of a lock and may be alive. */
export function* waitersOf(fs: LockfileFs, lockFile: string, isDead = isOfDead): Steps<string[]> {
  const { extra: line } = lockPathsOf(lockFile);
  const waiters: string[] = [];
  for (const ticket of yield* namesIn(fs, line)) {
    waiters.push(...(yield* namesIn(fs, join(line, ticket))).filter((name) => !isDead(name)));
  }
  return waiters;
}

/**
 * Removes from the queue of a lock the tickets of dead owners and empty folders, and the queue itself if it is empty.
 * Returns whether there is no queue now.
 *
 * Any process may do this at any time, as `TicketFolder` does it to the tickets before its own. The ticket of a live
 * owner is never empty until it is given up: it is moved in together with its owner file, and only its owner removes
 * that file or moves it out again. A file is removed by its name, which is never used again, so an old judgement does
 * no harm. Removing numbers can only make the next number smaller, and it is still greater than all existing ones.
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
