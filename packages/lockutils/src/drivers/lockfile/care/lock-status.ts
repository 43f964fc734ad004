import { lstatSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { accessDenied } from '../../../lock-path/access-denied.js';
import type { Holder } from '../../../owner/holder.js';
import { parseIdentityName } from '../../../owner/identity-name.js';
import type { Steps } from '../../../steps.js';
import { heldBy, type LockStatus } from '../../lock-status.js';
import { holderBehind, ownersOf } from '../holders.js';
import { lockPathsOf, seatPathsOf } from '../lock-paths.js';
import { newsOf } from '../news.js';
import { isOfDead } from '../owner-file.js';
import { isCode, type LockfileFs, namesIn } from '../system.js';

/** The result of {@link folderLockStatus} for one lock. `refused`: the system's error if a folder is not readable. */
export type FolderLockStatus = Omit<LockStatus, 'name' | 'lockFile'> & { readonly refused?: unknown };

/**
 * The status of one lock of the lockfile driver, from its folders; `undefined` if nothing of it exists. If one of them
 * is not readable, the lock may be held or waited for, so its state is unknown.
 */
export function* folderLockStatus(
  fs: LockfileFs,
  lockFile: string,
  isDead = isOfDead,
): Steps<FolderLockStatus | undefined> {
  const changed = lastChange(lockFile);
  if (changed === undefined) return undefined;
  const lastUsed = new Date(changed);
  try {
    return { ...(yield* readStatus(fs, lockFile, isDead)), lastUsed };
  } catch (error) {
    if (!isCode(error, 'EACCES', 'EPERM')) throw error;
    const { message: note } = accessDenied(dirname(lockFile), lockFile, error as NodeJS.ErrnoException);
    return {
      state: 'unknown',
      ...heldBy([]),
      waiters: undefined,
      lastUsed,
      abandonedBy: undefined,
      note,
      refused: error,
    };
  }
}

function* readStatus(
  fs: LockfileFs,
  lockFile: string,
  isDead: (name: string) => boolean,
): Steps<Omit<FolderLockStatus, 'lastUsed'>> {
  const owners = yield* ownersOf(fs, lockFile);
  const living = owners.filter(({ name }) => !isDead(name));
  const holders: Holder[] = [];
  for (const { path, name } of living) holders.push(yield* holderBehind(fs, path, name));
  const together = living.some(({ as }) => as !== 'alone');
  const waiters = yield* waitersOf(fs, lockFile, isDead);
  const alone = living.filter(({ as }) => as === 'alone');
  const kept = placesKept(alone, waiters);
  // Read after the folder of the lock, because owner files of the dead are moved from there to here.
  const [news] = yield* newsOf(fs, lockFile);
  const dead = owners.find(({ name, as }) => as !== 'reader' && isDead(name));
  const died = dead === undefined ? news?.holder : yield* holderBehind(fs, dead.path, dead.name);
  return {
    state: holders.length === 0 ? 'free' : together ? 'shared' : 'held',
    ...heldBy(holders),
    waiters: waiters.length - kept,
    abandonedBy: holders.length === 0 ? died : undefined,
  };
}

/** The owner files of the processes that wait in the queue of a lock and may be alive. */
function* waitersOf(fs: LockfileFs, lockFile: string, isDead: (name: string) => boolean): Steps<string[]> {
  const { extra: queue } = lockPathsOf(lockFile);
  const waiters: string[] = [];
  for (const ticket of yield* namesIn(fs, queue)) {
    waiters.push(...(yield* namesIn(fs, join(queue, ticket))).filter((name) => !isDead(name)));
  }
  return waiters;
}

// An exclusive holder keeps its place in the queue until the release, and no thread waits for a lock that it holds
// exclusively. A permit holder may wait for another permit.
function placesKept(holders: readonly { readonly name: string }[], waiters: readonly string[]): number {
  const threads = new Set(holders.map(({ name }) => threadOf(name)));
  return waiters.filter((name) => threads.has(threadOf(name))).length;
}

function threadOf(name: string): string {
  return JSON.stringify(parseIdentityName(name) ?? name);
}

/**
 * When any part of a lock was last created or moved, in ms since 1970. For an owner file, that is the grant, not the
 * death.
 */
function lastChange(lockFile: string): number | undefined {
  const { held, died, extra: queue } = lockPathsOf(lockFile);
  const times = [held, died, seatPathsOf(lockFile).died, queue].flatMap(changesBelow);
  return times.length === 0 ? undefined : Math.max(...times);
}

function changesBelow(path: string): number[] {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return [];
  if (!stats.isDirectory()) return [stats.mtimeMs];
  return [stats.mtimeMs, ...entriesOf(path).flatMap((name) => changesBelow(join(path, name)))];
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // It is gone in the meantime, or not readable for us.
    return [];
  }
}
