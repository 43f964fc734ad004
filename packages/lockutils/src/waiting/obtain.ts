import type { Grant, LockDriver, LockRequest, Place } from '../drivers/driver.js';
import type { Patience } from './patience.js';
import { type Attempt, poll } from './poll.js';
import { isThenable } from './thenable.js';

/** A grant, and the place in line that is kept with it until release. */
export interface Obtained {
  readonly grant: Grant;
  readonly place: Place | undefined;
}

/** What one try came to: a grant, or a place in line that the try has taken and {@link obtain} goes on with. */
export interface FirstTry {
  readonly obtained: Obtained | undefined;
  readonly place: Place | undefined;
}

/**
 * One try. Where order was asked for it begins with a place in line, so that it passes nobody; the place of a try that
 * failed is the caller's to use or to leave.
 */
export function tryOnce(driver: LockDriver, request: LockRequest, fair: boolean): FirstTry | Promise<FirstTry> {
  if (!mustQueue(request, fair) || driver.joinQueue === undefined) return attempted(driver, request, undefined);
  const place = driver.joinQueue(request);
  if (isThenable(place)) return Promise.resolve(place).then((joined) => tryFrom(driver, request, joined));
  return tryFrom(driver, request, place);
}

function tryFrom(driver: LockDriver, request: LockRequest, place: Place | undefined): FirstTry | Promise<FirstTry> {
  if (place === undefined) return { obtained: undefined, place };
  try {
    const first = place.isFirst();
    if (first === false) return { obtained: undefined, place };
    const result: FirstTry | Promise<FirstTry> =
      first === true ? attempted(driver, request, place) : whenFirst(first, driver, request, place);
    return isThenable(result) ? Promise.resolve(result).catch((error: unknown) => leaveAndThrow(place, error)) : result;
  } catch (error) {
    return leaveAndThrow(place, error);
  }
}

async function whenFirst(
  first: Promise<boolean>,
  driver: LockDriver,
  request: LockRequest,
  place: Place,
): Promise<FirstTry> {
  return (await first) ? attempted(driver, request, place) : { obtained: undefined, place };
}

function attempted(driver: LockDriver, request: LockRequest, place: Place | undefined): FirstTry | Promise<FirstTry> {
  const grant = driver.tryAcquire(request);
  const settle = (value: Grant | undefined): FirstTry =>
    value === undefined
      ? { obtained: undefined, place }
      : { obtained: settled(request, value, place), place: undefined };
  return isThenable(grant) ? Promise.resolve(grant).then(settle) : settle(grant);
}

function leaveAndThrow(place: Place, error: unknown): never {
  void place.leave();
  throw error;
}

/**
 * An exclusive holder keeps its place until release, so that a release wakes only the next. A reader or permit holder
 * gives it up at the grant: those behind may be let in beside it, and a writer among them stops all readers after it
 * (G11).
 */
export function settled(request: LockRequest, grant: Grant, place: Place | undefined): Obtained {
  if (!request.shared && request.permits === undefined) return { grant, place };
  void place?.leave();
  return { grant, place: undefined };
}

/**
 * Waits for the lock: joins the line unless `taken` is a place in it, waits to be first, then for the lock itself.
 * Whatever ends the wait, the place is given up; a grant that comes after an abort is released.
 *
 * @returns `undefined` at the deadline.
 */
export async function obtain(
  driver: LockDriver,
  request: LockRequest,
  fair: boolean,
  patience: Patience,
  taken: Place | undefined,
): Promise<Obtained | undefined> {
  const joined = taken ?? (await join(driver, request, fair, patience));
  if (joined === 'late') return undefined;
  const place = joined;
  let grant: Grant | undefined;
  try {
    grant = await poll(attemptFrom(driver, request, place, taken !== undefined), patience);
    return grant && settled(request, grant, place);
  } finally {
    if (grant === undefined) await place?.leave();
  }
}

/**
 * One attempt is both questions, whether it is our turn and whether the lock is free: for the next in line they mostly
 * become true together. Hints come from the line while it is not our turn, and from the lock from then on.
 */
function attemptFrom(
  driver: LockDriver,
  request: LockRequest,
  place: Place | undefined,
  tried: boolean,
): Attempt<Grant> {
  let first = place === undefined;
  let stop = (): void => {};
  let hint = (): void => {};
  const tryLock = (): Grant | undefined | Promise<Grant | undefined> => driver.tryAcquire(request);
  const listenToLock = (): void => {
    stop();
    stop = driver.onRelease?.(request, hint) ?? nothing;
  };
  const onTurn = (turn: boolean): Grant | undefined | Promise<Grant | undefined> => {
    if (!turn) return undefined;
    const grant = tryLock();
    if (isThenable(grant)) return Promise.resolve(grant).then((value) => value ?? onRefusal());
    return grant ?? onRefusal();
  };
  // First in line, but the lock is held by one without a place. Tried again, as it may be free since.
  const onRefusal = (): Grant | undefined | Promise<Grant | undefined> => {
    if (first) return undefined;
    first = true;
    listenToLock();
    return tryLock();
  };
  return {
    attempt: () => {
      if (place === undefined || first) return tryLock();
      const turn = place.isFirst();
      return isThenable(turn) ? Promise.resolve(turn).then(onTurn) : onTurn(turn);
    },
    subscribe: (wake) => {
      hint = wake;
      if (first) listenToLock();
      else stop = place?.onTurn(wake) ?? nothing;
      return () => stop();
    },
    tried,
    giveBack: returnGrant,
  };
}

const nothing = (): void => {};

/** `fair` forbids barging. Readers and permit holders always queue: a reader that barges starves a waiting writer. */
export function mustQueue(request: LockRequest, fair: boolean): boolean {
  return fair || request.shared || request.permits !== undefined;
}

// Drawing a ticket takes microseconds, so what is in the way will be gone in a moment.
const drawInterval = 2;

async function join(
  driver: LockDriver,
  request: LockRequest,
  fair: boolean,
  patience: Patience,
): Promise<Place | undefined | 'late'> {
  const { joinQueue } = driver;
  if (joinQueue === undefined) return undefined;
  const what: Attempt<Place> = {
    attempt: () => joinQueue.call(driver, request),
    giveBack: (place) => place.leave(),
  };
  try {
    return (await poll(what, { ...patience, guard: drawInterval })) ?? 'late';
  } catch (error) {
    // No room for a queue file, or another user's: who was promised no order waits without a place.
    if (mustQueue(request, fair) || patience.signal?.aborted) throw error;
    return undefined;
  }
}

/** Gives back a grant that came too late for anybody to learn of it. */
export async function returnGrant(grant: Grant): Promise<void> {
  try {
    await grant.release({ unused: true });
  } catch {
    // It still counts as held; the kernel or the liveness check frees it when this process ends.
  }
}
