import { lutimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
import { isOnLocalFileSystem } from '../../../lock-path/network-file-system.js';
import { newIdentityName, parseIdentityName } from '../../../owner/identity-name.js';
import { isStopped } from '../../../owner/liveness.js';
import { ownIdentity, type ProcessIdentity } from '../../../owner/process-identity.js';
import { runSync, type Steps, step } from '../../../steps.js';
import { lockPathsOf } from '../lock-paths.js';
import { makeMeetingFolder } from '../owner-file.js';
import { ticketsIn } from '../queue.js';
import { folderWatches, isCode, type LockfileFs, namesIn, quietly } from '../system.js';

// A waiter W listens at a folder `wake/NUMBER` of its thread, and each release gives a hint to the first waiter. The
// ticket of W is its wish: it is in the queue before W tries the lock for the last time, and W listens by then. So no
// wake is lost: either that try comes after the release, or the release finds the ticket. The hint grants nothing.
//
// A lost hint costs one poll of W: of a holder that ended between its release and the hint, or of an older version,
// which gives none. A hint goes to nobody if W has gone: a waiter that leaves gives it to the next one.

/** A lock, and the calls at its queue. */
export interface Queued {
  readonly fs: LockfileFs;
  readonly lockFile: string;
}

function wakeFolderOf(lockFile: string, { thread, pid }: ProcessIdentity): string {
  // Enough folders that a release seldom wakes a waiter other than the first.
  return join(lockPathsOf(lockFile).wakes, String((thread?.tid ?? pid) % 64));
}

/** Calls `wake` at each hint to this thread in the lock path. Returns a function that stops this. */
export function listen({ fs, lockFile }: Queued, wake: () => void): () => void {
  return folderWatches.subscribe(wakeFolderOf(lockFile, ownIdentity()), wake, (folder) => {
    if (!fs.exists(folder)) runSync(makeMeetingFolder(fs, lockFile, newIdentityName(), folder));
  });
}

/** The first waiter that can act, as far as can be seen; `undefined` if there is none. Never throws. */
export function* firstWaiter({ fs, lockFile }: Queued): Steps<ProcessIdentity | undefined> {
  try {
    const { extra: queue } = lockPathsOf(lockFile);
    if (!(yield* step(fs.exists(queue)))) return undefined;
    const numbers = ticketsIn(yield* namesIn(fs, queue));
    for (const number of numbers) {
      for (const name of yield* namesIn(fs, join(queue, String(number)))) {
        const owner = parseIdentityName(name);
        if (owner !== undefined && !isSilent(name) && !isStopped(owner)) return owner;
      }
    }
    if (numbers.length === 0) yield* quietly(() => fs.rmdir(queue));
  } catch {
    // The queue is not readable for us: its waiters poll.
  }
  return undefined;
}

/** Gives the first waiter a hint. Returns whether there is a waiter that listens for hints. Never throws. */
export function* wakeFirst(lock: Queued): Steps<boolean> {
  const { fs, lockFile } = lock;
  // Elsewhere nobody listens.
  const first = isOnLocalFileSystem(dirname(lockFile)) ? yield* firstWaiter(lock) : undefined;
  // The paths are known if there is a waiter.
  if (first === undefined) return false;
  const folder = wakeFolderOf(lockFile, first);
  try {
    // Not through a link: another user may have placed one there to make us set the times of one of our files.
    // The present, so that no cleaner of old files removes what somebody listens to.
    const now = realTime.date() / 1000;
    lutimesSync(folder, now, now);
  } catch (error) {
    // If there is no folder, no thread listens. If it belongs to another user, we may not set its times, but we may
    // create something in it.
    if (!isCode(error, 'EPERM')) return true;
    const made = join(folder, newIdentityName());
    yield* quietly(() => fs.mkdir(made));
    yield* quietly(() => fs.rmdir(made));
  }
  return true;
}

// Waiters that are alive and did not react, by the names of their owner files, and until when this thread passes them.
const silent = new Map<string, number>();
// Milliseconds.
const silentFor = 1000;

/** The owner of a ticket does not react: this thread passes it for a while. */
export function passSilent(name: string): void {
  if (silent.size >= 100) silent.clear();
  silent.set(name, realTime.now() + silentFor);
}

/** Whether this thread passes the owner of that ticket. */
export function isSilent(name: string): boolean {
  return (silent.get(name) ?? 0) > realTime.now();
}
