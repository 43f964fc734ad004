import { join } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
import { newIdentityName, parseIdentityName } from '../../../owner/identity-name.js';
import { isStopped } from '../../../owner/liveness.js';
import { type Steps, step } from '../../../steps.js';
import { Slice } from '../../slice.js';
import { lockPathsOf } from '../lock-paths.js';
import { type Calls, isCode, type LockfileFs, namesIn, performed, quietly } from '../system.js';
import { numbersIn } from './ticket.js';

// Eventual fairness of the lockfile driver, as `Slice` explains it. The ticket of a waiter is its wish: it lies in the
// queue before the waiter tries the lock, and the waiter listens at its own ticket before it tries for the last time. A
// holder H looks at the queue after its release. So a wake is not lost: either the try of the first waiter W comes after
// the release, or H finds the ticket and gives a hint there. The queue only decides when W is woken and which calls do
// not try. The folder of the lock alone decides which call holds it.
//
// A waiter that was promised an order takes no part in this: it watches the ticket before its own, and when it is first,
// the folder of the lock. A holder that was promised one keeps its ticket until the release. So the number of a ticket tells
// whether its owner listens for hints: then it is even. A hint at another ticket would wake the waiter behind it.
//
// What a crash or a lost step leaves, at each point:
// - H ends after its release and before the hint: W finds the lock free at its next poll.
// - H ends in the middle of a hint to a ticket of another user: it leaves an owner file of a dead process in that ticket.
//   The waiters behind remove it, as they remove the ticket of a dead waiter.
// - W is granted the lock and ends before it has given up its ticket: the waiters behind find a dead holder and a dead
//   waiter at their next poll, and remove both.
// - W gives up its ticket at the grant and gives no hint: the next waiter N could only be refused. N becomes first
//   unnoticed. The release gives the hint to the first ticket that is there by then, which is that of N.
// - W ends, or gives up after H saw its ticket: the hint goes to nobody. A waiter that gives up gives a hint to the next.
// - W is stopped: H and the waiters behind W see that, and pass it.
// - The event loop of W is blocked: see `FolderPlace`. A thread that has passed W does not make way for it for a second.
// - An older version of this library gives no hints: W polls. It watches the folder of the lock, so it needs none.
//
// Only for lock paths on a local file system. Elsewhere a hint reaches no other machine, so a thread that made way would
// wait for the next poll of the first waiter: a call may pass the queue there, and all waiters watch folders.

// The slices of the locks of this thread that others waited for at its last release.
const slices = new Map<string, Slice>();
// The waiters up to this number did not react.
const passed = new Map<string, { readonly number: number; readonly until: number }>();
const mostLocks = 1000;
// Milliseconds.
const passedFor = 1000;

/** Whether a call that has not queued must queue: others wait, and this thread has no slice that lasts. */
export function* mustQueue(fs: LockfileFs, lockFile: string): Steps<boolean> {
  const slice = slices.get(lockFile);
  if (slice !== undefined && !slice.hasGivenWay() && !slice.isOver) return false;
  if ((yield* firstAwake(fs, lockFile)) !== undefined) return true;
  slices.delete(lockFile);
  return false;
}

/** The slice in which the lock is held that was granted now. `queued`: by the queue, so a new one begins. */
export function sliceAtGrant(lockFile: string, queued: boolean): Slice {
  const known = queued ? undefined : slices.get(lockFile);
  if (known !== undefined) {
    known.keep();
    return known;
  }
  const slice = new Slice();
  slice.begin();
  return slice;
}

/** Wakes the first waiter after a release, now or later, as `slice` says. Never throws. */
export function* wakeAfter(calls: Calls, lockFile: string, slice: Slice): Steps<void> {
  if (!(yield* hasQueue(calls.fs, lockFile))) {
    slices.delete(lockFile);
    passed.delete(lockFile);
    return;
  }
  if (slices.size >= mostLocks) slices.clear();
  slices.set(lockFile, slice);
  slice.release(() => void performed(calls, wakeFirst(calls.fs, lockFile)));
}

function* hasQueue(fs: LockfileFs, lockFile: string): Steps<boolean> {
  try {
    return yield* step(fs.exists(lockPathsOf(lockFile).extra));
  } catch {
    return false;
  }
}

/** Wakes the first waiter that can act. Never throws. */
export function* wakeFirst(fs: LockfileFs, lockFile: string): Steps<void> {
  const first = yield* firstAwake(fs, lockFile);
  // This thread has made way for nobody.
  if (first === undefined) slices.delete(lockFile);
  else if (first.listens) yield* giveHint(fs, first.ticket);
}

/** The waiters up to `number` did not react, so another one has passed them. */
export function notePassed(lockFile: string, number: number): void {
  if (passed.size >= mostLocks) passed.clear();
  passed.set(lockFile, { number, until: realTime.now() + passedFor });
}

/** The number up to which this thread passes the waiters of a lock. */
export function passedUpTo(lockFile: string): number {
  const found = passed.get(lockFile);
  if (found === undefined) return 0;
  if (realTime.now() < found.until) return found.number;
  passed.delete(lockFile);
  return 0;
}

interface Waiter {
  readonly ticket: string;
  /** Whether it listens for hints at its ticket. */
  readonly listens: boolean;
}

/** The first waiter that is not stopped and was not passed; `undefined` if there is none. */
function* firstAwake(fs: LockfileFs, lockFile: string): Steps<Waiter | undefined> {
  const { extra: queue } = lockPathsOf(lockFile);
  try {
    if (!(yield* hasQueue(fs, lockFile))) return undefined;
    const after = passedUpTo(lockFile);
    const numbers = numbersIn(yield* namesIn(fs, queue)).filter((number) => number > after);
    for (const number of numbers.sort((a, b) => a - b)) {
      const ticket = join(queue, String(number));
      for (const name of yield* namesIn(fs, ticket)) {
        const owner = parseIdentityName(name);
        if (owner === undefined || !isStopped(owner)) return { ticket, listens: number % 2 === 0 };
      }
    }
  } catch {
    // The queue is not readable for us: its waiters poll.
  }
  return undefined;
}

// The owner of a ticket watches its folder. Each user may create a file in it, but only its owner may set its times.
function* giveHint(fs: LockfileFs, ticket: string): Steps<void> {
  const now = realTime.date() / 1000;
  try {
    yield* step(fs.utimes?.(ticket, now, now));
  } catch (error) {
    if (!isCode(error, 'EPERM', 'EACCES')) return;
    const file = join(ticket, newIdentityName());
    if (yield* quietly(() => fs.create(file, nothing))) yield* quietly(() => fs.unlink(file));
  }
}

const nothing = new Uint8Array();
