import { lstatSync } from 'node:fs';
import { newIdentityName } from '../../../owner/identity-name.js';
import type { Steps } from '../../../steps.js';
import type { CleaningRule, KeepReason } from '../../care.js';
import { clearLine } from '../line-entries.js';
import { LockFolder } from '../lock-folder.js';
import { lockPathsOf, seatPathsOf } from '../lock-paths.js';
import { newsOf } from '../news.js';
import { folderRemoved, isOfDead, quietly, removed } from '../owner-file.js';
import { Seats } from '../seats.js';
import type { LockfileFs } from '../system.js';
import { UnseenHold } from '../unseen-hold.js';
import { type FolderLockStatus, folderLockStatus } from './lock-status.js';

/** What {@link removeUnusedFolders} goes by, and for tests of the protocol, whose death is certain and new names. */
export interface FolderRemovalRule extends CleaningRule {
  readonly isDead?: (name: string) => boolean;
  readonly newName?: () => string;
}

/**
 * Removes what is left of one lock of the lockfile driver unless somebody holds it or waits for it; never waits.
 * `undefined`: there is nothing of it.
 *
 * Why it is safe on a live system: what is looked up first only spares the rest. Every step is one that somebody
 * who comes for the lock may do at any time, and that fails where somebody is in:
 *
 * 1. *The line*: tickets of the dead by their unique names, then what is empty (see `clearLine`). Who has joined
 *    meanwhile keeps its ticket, and all else is left. Whoever can hold the lock, or is next, is as before.
 * 2. *The dead in the folder of the lock*: readers are removed, a permit holder is moved to `died-seats`, who was alone to
 *    `died`, each by its unique name, as `Seats` and `LockFolder` do; then empty folders. So afterwards it can be had by
 *    anybody, as it could before by putting out the dead; and all that is to be told is still there to be told (G19).
 *    Who has come in meanwhile keeps it: its folder is not empty.
 * 3. *What the next holder is to be told*, only when asked to: neither `died/NAME` nor `died-seats/NAME/SEAT` is a name
 *    that never comes again. Removed after a look, it could be that of somebody who was granted the lock since and died.
 *    So this is done while holding alone (see `UnseenHold`): who puts it there has an owner file in the folder of the lock
 *    to move from, and who removes it holds the lock. Under the hold it is looked at again: it is as old as asked for, and
 *    nobody has joined the line, or it stays. Nobody else holds meanwhile; whoever tries is refused, as by any holder.
 *
 * A crash leaves after each call of 1 and 2 a state that these steps, or the next who comes, go on from; in 3 the news or
 * not, and a dead owner that is nobody's news. One that is stopped in 3 holds the lock like anybody who is stopped.
 */
export function* removeUnusedFolders(
  fs: LockfileFs,
  lockFile: string,
  rule: FolderRemovalRule,
): Steps<'removed' | KeepReason | undefined> {
  const { isDead = isOfDead } = rule;
  const status = yield* folderLockStatus(fs, lockFile, isDead);
  if (status === undefined) return undefined;
  const reason = keepReason(status, rule);
  if (reason !== undefined) return reason;
  if (rule.dryRun) return 'removed';
  if (!(yield* clearLine(fs, lockFile, isDead))) return 'waited-for';
  if (!(yield* putOutDead(fs, lockFile, rule))) return 'held';
  if ((yield* newsOf(fs, lockFile)).length > 0) {
    const kept = rule.abandonedToo ? yield* removeNews(fs, lockFile, rule) : 'abandoned';
    if (kept !== undefined) return kept;
  }
  yield* quietly(() => fs.rmdir(seatPathsOf(lockFile).died));
  return 'removed';
}

function keepReason(status: FolderLockStatus, { before, abandonedToo }: FolderRemovalRule): KeepReason | undefined {
  if (status.lastUsed.getTime() >= before) return 'recent';
  if (status.holders.length > 0) return 'held';
  if (status.waiters !== 0) return 'waited-for';
  return status.abandonedBy !== undefined && !abandonedToo ? 'abandoned' : undefined;
}

/** Puts out the dead in the folder of a lock, and removes it; `false` when somebody else is in. */
function* putOutDead(
  fs: LockfileFs,
  lockFile: string,
  { isDead = isOfDead, newName = newIdentityName }: FolderRemovalRule,
): Steps<boolean> {
  const seats = new Seats(fs, lockFile, isDead, newName);
  const folder = new LockFolder(fs, lockFile, {
    own: newName(),
    // biome-ignore lint/correctness/useYield: no call is needed here
    *isOver(name) {
      return isDead(name);
    },
    tidy: (names) => seats.tidy(names),
  });
  if ((yield* folder.judge()) === 'dead') yield* folder.breakDead();
  return yield* folderRemoved(fs, lockPathsOf(lockFile).held);
}

/** Removes what the next holder was to be told; or says why not. */
function* removeNews(
  fs: LockfileFs,
  lockFile: string,
  { before, isDead = isOfDead, newName = newIdentityName }: FolderRemovalRule,
): Steps<KeepReason | undefined> {
  const hold = new UnseenHold(fs, lockFile, newName());
  if (!(yield* hold.take())) return 'held';
  try {
    if (!(yield* clearLine(fs, lockFile, isDead))) return 'waited-for';
    const news = yield* newsOf(fs, lockFile);
    if (news.some(({ path }) => grantedAt(path) >= before)) return 'recent';
    for (const { path } of news) yield* removed(fs, path);
    return undefined;
  } finally {
    yield* hold.release();
  }
}

// An owner file is written once, before the grant, and only moved since.
function grantedAt(path: string): number {
  return lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
