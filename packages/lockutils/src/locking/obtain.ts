import type { Grant, LockDriver, LockRequest, Place } from '../drivers/driver.js';
import { LockUnsupportedError } from '../errors/lock-file-errors.js';
import { nothing, type Steps, step } from '../steps.js';
import { isNextForSame, type LockCall } from './call.js';
import type { Wait } from './wait/wait.js';

/** A grant, and the place in the queue that is kept with it until the release. */
export interface Obtained {
  readonly grant: Grant;
  readonly place: Place | undefined;
}

// Drawing a ticket takes microseconds, so another process that draws one finishes in a moment.
const drawInterval = 2;
// The exception is a process that was stopped while drawing. By then, that has lasted for 20 ms or more.
const drawsWithoutOrder = 10;
// A call that must not wait looks again after these. By then, those are gone that draw a ticket, or that have one only
// until they are admitted, as readers have beside readers: they keep nobody out. Milliseconds.
const moments = [0, 1, 2, 4, 8];

// Two waiters that are both first, because one was stopped and passed, replace each other's wishes. They sleep after some
// rounds, because one of them is woken, and the other one looks from time to time.
const mostAsks = 3;

/** What a driver answers to a try. */
export type Answer = Grant | undefined | Promise<Grant | undefined>;

/**
 * The first try, before the call waits. A caller that asked for no order may pass the waiters. For one that asked for
 * order, the try is made only while nobody waits.
 */
export function firstTry(driver: LockDriver, request: LockRequest, fair: boolean, mayWait: boolean): Answer {
  if (!isOrdered(request, fair)) return driver.tryAcquire(request, mayWait ? 'newcomer' : undefined);
  if (fair && driver.joinQueue === undefined) {
    const what = `The driver ${driver.name} keeps no order among processes here, so it cannot grant the lock with fair`;
    throw new LockUnsupportedError(request.path, what);
  }
  return driver.tryUnqueued?.(request, () => driver.tryAcquire(request));
}

/**
 * Waits for the lock of a driver, after the {@link firstTry}. If that was refused, the call joins the queue, waits until
 * it is first, and then until the lock is free. However the wait ends, the place is given up.
 */
export function* obtain(
  driver: LockDriver,
  request: LockRequest,
  { first, fair, wait }: { readonly first: Answer; readonly fair: boolean; readonly wait: Wait },
): Steps<Obtained> {
  const granted = yield* step(first, returnGrant);
  if (granted !== undefined) return { grant: granted, place: undefined };
  const ordered = isOrdered(request, fair);
  if (!ordered) wait.begin('driver');
  const place = yield* joinQueue(driver, request, ordered, wait);
  let grant: Grant | undefined;
  try {
    if (place !== undefined) yield* untilFirst(place, wait);
    grant = yield* untilGranted(driver, request, wait, { tryFirst: ordered || place !== undefined, place });
    return settled(request, grant, place);
  } finally {
    if (grant === undefined) yield* step(place?.leave());
  }
}

function attempt(driver: LockDriver, request: LockRequest, by: Place | undefined): Steps<Grant | undefined> {
  return step(driver.tryAcquire(request, by), returnGrant);
}

function* untilFirst(place: Place, wait: Wait): Steps<void> {
  const isFirst = (): Steps<boolean> => step(place.isFirst(), nothing);
  if ((yield* isFirst()) || (yield* soon(wait, isFirst))) return;
  place.noteWait?.(true);
  wait.begin('driver');
  // Checked again after subscribing: a change between the two would go unnoticed.
  wait.listen((wake) => place.onTurn(wake), false);
  while (!(yield* isFirst())) yield* pause(wait, undefined, place.isFar?.());
}

/** Whether one of some further looks succeeds, for a call that must not wait. */
export function* soon(wait: Wait, look: () => Steps<boolean>): Steps<boolean> {
  for (const moment of wait.mayWait ? [] : moments) {
    yield* pause(wait, moment);
    if (yield* look()) return true;
  }
  return false;
}

function* untilGranted(
  driver: LockDriver,
  request: LockRequest,
  wait: Wait,
  { tryFirst, place }: { readonly tryFirst: boolean; readonly place: Place | undefined },
): Steps<Grant> {
  if (tryFirst) {
    const grant = yield* attempt(driver, request, place);
    if (grant !== undefined) return grant;
    place?.noteWait?.(true);
    wait.begin('driver');
  }
  if (place?.ask === undefined) wait.listen((wake) => driver.onRelease?.(request, wake) ?? nothing, true);
  else wait.listen((wake) => place.onTurn(wake), false);
  // The waiter may sleep if its wish stood, before the try that was refused, in the very file that refused it: the holder
  // reads the wish after its unlock. So it asks before a try. A removed file may have got the wish, or the holder of
  // another one may have answered it: then the file that refused has no wish of ours, and the waiter asks and tries again.
  place?.ask?.();
  for (let asks = 0; ; ) {
    const grant = yield* attempt(driver, request, place);
    if (grant !== undefined) return grant;
    if (asks < mostAsks && place?.ask?.() === true) {
      asks += 1;
    } else {
      yield* pause(wait);
      asks = 0;
    }
  }
}

function* pause(wait: Wait, atMost?: number, far?: boolean): Steps<void> {
  yield* step(wait.pause(atMost, far));
  wait.look();
}

function* joinQueue(driver: LockDriver, request: LockRequest, ordered: boolean, wait: Wait): Steps<Place | undefined> {
  if (driver.joinQueue === undefined) return undefined;
  // A caller that did not ask for order goes on without a place then: the lock may be free, or become free at any
  // moment.
  for (let draws = 0; ordered || draws < drawsWithoutOrder; draws += 1) {
    try {
      const place = yield* step(driver.joinQueue(request, ordered), (late) => late?.leave());
      if (place !== undefined) return place;
    } catch (error) {
      // There is no room for a queue file, or it belongs to another user: a caller that was not promised an order waits
      // without a place.
      if (ordered || wait.isOver) throw error;
      return undefined;
    }
    const moment = wait.mayWait ? undefined : moments[draws];
    if (moment === undefined) wait.begin('driver');
    yield* pause(wait, moment ?? drawInterval);
  }
  return undefined;
}

/**
 * An exclusive holder keeps its place until the release, so that a release wakes only the next waiter; unless its driver
 * has given it up already, because the release finds the next waiter without it. A reader or permit holder gives its
 * place up at the grant: those behind it may be admitted together with it, and a writer among them holds back all
 * readers after it (G11).
 */
function settled(request: LockRequest, grant: Grant, place: Place | undefined): Obtained {
  if (isExclusive(request)) {
    place?.noteWait?.(false);
    return { grant, place };
  }
  void place?.leave();
  return { grant, place: undefined };
}

// Readers and permit holders keep the order too: a reader that passes the queue would starve a waiting writer.
function isOrdered(request: LockRequest, fair: boolean): boolean {
  return fair || !isExclusive(request);
}

/**
 * Releases what {@link obtain} obtained, but for the place of an exclusive holder, which the caller leaves when the
 * driver has answered. `unused`: no caller ever saw the grant.
 */
export function release(call: LockCall, { grant, place }: Obtained, unused: boolean): void | Promise<void> {
  const { removeOnRelease, threads, external } = call.options;
  // The directory of thread locks is not cleaned while the process lives, and a process may use any number of names.
  const remove = !unused && (removeOnRelease ?? (threads === true && external !== true));
  // While our own ticket is still locked, the removal would not see the queue as empty.
  if (remove) void place?.leave();
  // While a call waits whose turn comes now, the driver may keep the lock for it.
  const next = !remove && !unused && place === undefined && isNextForSame(call);
  return grant.release({ remove, unused, next });
}

function isExclusive({ shared, permits }: LockRequest): boolean {
  return !shared && permits === undefined;
}

/** Releases a grant that came too late to be delivered. */
async function returnGrant(grant: Grant | undefined): Promise<void> {
  try {
    await grant?.release({ unused: true });
  } catch {
    // It still counts as held. The kernel or the liveness check frees it when this process ends.
  }
}
