import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { newIdentityName } from '../../../owner/identity-name.js';
import type { Steps } from '../../../steps.js';
import type { CleaningRule, KeepReason, Refusal } from '../../care.js';
import { LockFolder } from '../lock-folder.js';
import { lockPathsOf, seatPathsOf } from '../lock-paths.js';
import { newsOf } from '../news.js';
import { isOfDead } from '../owner-file.js';
import { Seats } from '../seats.js';
import { folderRemoved, type LockfileFs, namesIn, quietly, removed } from '../system.js';
import { type FolderLockStatus, folderLockStatus } from './lock-status.js';
import { UnseenHold } from './unseen-hold.js';

/** The rule of {@link removeUnusedFolders}. Tests of the protocol also give `isDead` and `newName`. */
export interface FolderRemovalRule extends CleaningRule {
  readonly isDead?: (name: string) => boolean;
  readonly newName?: () => string;
}

/**
 * Removes the leftovers of one lock of the lockfile driver unless it is held or waited for; never waits. `undefined`:
 * nothing of it exists.
 *
 * Why it is safe on a live system: the first lookup only saves work. Every step is one that any process which comes for
 * the lock may do at any time, and that fails if the lock is in use:
 *
 * 1. *The queue*: removes tickets of dead owners by their unique names, then empty folders (see `clearQueue`). A process
 *   that has joined in the meantime keeps its ticket, and everything else stays. The holder and the next waiter are the
 *   same as before.
 * 2. *The dead in the folder of the lock*: a reader's file is removed; a permit holder's is moved to `died-seats`, an
 *   exclusive holder's to `died`, each by its unique name, as `Seats` and `LockFolder` do; then empty folders are
 *   removed. So afterwards any process can acquire the lock, as it could before by removing the dead owner itself; and
 *   all reports are still there (G19). A process that has acquired the lock in the meantime keeps it: its folder is not
 *   empty.
 * 3. *The reports for the next holder*, only if the caller asks for it: neither `died/NAME` nor `died-seats/NAME/SEAT`
 *   is a name that is never used again. If it were removed after a mere look, it could be the report about another
 *   holder, which was granted the lock since and died. So this is done while holding the lock exclusively (see
 *   `UnseenHold`): a process that puts a report there has an owner file in the folder of the lock to move from, and a
 *   process that removes one holds the lock. Under the hold, the report is checked again: it must be as old as the
 *   caller asked for, and the queue must be empty, or it stays. No other process holds the lock in the meantime; a
 *   caller that tries is refused, as by any holder.
 *
 * A crash after any call of 1 and 2 leaves a state from which these steps, or the next process that comes, continue; in
 * 3, the report exists or not, and there is a dead owner whose death is not reported. A process that is stopped in 3
 * holds the lock like any stopped holder.
 */
export function* removeUnusedFolders(
  fs: LockfileFs,
  lockFile: string,
  rule: FolderRemovalRule,
): Steps<'removed' | KeepReason | Refusal | undefined> {
  const { isDead = isOfDead } = rule;
  const status = yield* folderLockStatus(fs, lockFile, isDead);
  if (status === undefined) return undefined;
  if (status.refused !== undefined) return { reason: 'unreadable', error: status.refused };
  const reason = keepReason(status, rule);
  if (reason !== undefined) return reason;
  if (rule.dryRun) return 'removed';
  if (!(yield* clearQueue(fs, lockFile, isDead))) return 'waited-for';
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

/**
 * Removes from the queue of a lock the tickets of dead owners and empty folders, and the queue itself if it is empty.
 * Returns whether there is no queue now.
 *
 * Any process may do this at any time, as `TicketFolder` does it to the tickets before its own. The ticket of a live
 * owner is never empty until it is given up: it is moved in together with its owner file, and only its owner removes
 * that file or moves it out again. A file is removed by its name, which is never used again, so an old judgement does
 * no harm. Removing numbers can only make the next number smaller, and it is still greater than all existing ones.
 */
function* clearQueue(fs: LockfileFs, lockFile: string, isDead: (name: string) => boolean): Steps<boolean> {
  const { extra: queue } = lockPathsOf(lockFile);
  for (const ticket of yield* namesIn(fs, queue)) {
    const folder = join(queue, ticket);
    for (const name of yield* namesIn(fs, folder)) if (isDead(name)) yield* removed(fs, join(folder, name));
    yield* quietly(() => fs.rmdir(folder));
  }
  return yield* folderRemoved(fs, queue);
}

/** Removes the dead owners in the folder of a lock, and then the folder; `false` if there is another owner. */
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

/** Removes the reports for the next holder, or returns why not. */
function* removeNews(
  fs: LockfileFs,
  lockFile: string,
  { before, isDead = isOfDead, newName = newIdentityName }: FolderRemovalRule,
): Steps<KeepReason | undefined> {
  const hold = new UnseenHold(fs, lockFile, newName());
  if (!(yield* hold.take())) return 'held';
  try {
    if (!(yield* clearQueue(fs, lockFile, isDead))) return 'waited-for';
    const news = yield* newsOf(fs, lockFile);
    if (news.some(({ path }) => grantedAt(path) >= before)) return 'recent';
    for (const { path } of news) yield* removed(fs, path);
    return undefined;
  } finally {
    yield* hold.release();
  }
}

// An owner file is written before the grant, and only moved after that.
function grantedAt(path: string): number {
  return lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
