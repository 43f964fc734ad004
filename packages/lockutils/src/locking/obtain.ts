import type { Grant, LockDriver, LockRequest, Place } from '../drivers/driver.js';
import { nothing, type Steps, step } from '../steps.js';
import type { Wait } from './wait.js';

/** A grant, and the place in line that is kept with it until release. */
export interface Obtained {
  readonly grant: Grant;
  readonly place: Place | undefined;
}

// Drawing a ticket takes microseconds, so what is in the way will be gone in a moment.
const drawInterval = 2;
// Unless it is a process that was stopped in the middle of it. By then that has lasted for 20 ms and more.
const drawsWithoutOrder = 10;

/**
 * Waits for the lock of a driver: one try that may pass others unless order was asked for, then a place in line, then
 * until it is first, then until the lock is free. Whatever ends the wait, the place is given up.
 */
export function* obtain(driver: LockDriver, request: LockRequest, fair: boolean, wait: Wait): Steps<Obtained> {
  // Readers and permit holders always queue: a reader that barges starves a waiting writer.
  const ordered = fair || request.shared || request.permits !== undefined;
  if (!ordered) {
    const grant = yield* attempt(driver, request);
    if (grant !== undefined) return { grant, place: undefined };
    wait.begin('driver');
  }
  const place = yield* joinLine(driver, request, ordered, wait);
  let grant: Grant | undefined;
  try {
    if (place !== undefined) yield* untilFirst(place, wait);
    grant = yield* untilGranted(driver, request, wait, ordered || place !== undefined);
    return settled(request, grant, place);
  } finally {
    if (grant === undefined) yield* step(place?.leave());
  }
}

function attempt(driver: LockDriver, request: LockRequest): Steps<Grant | undefined> {
  return step(driver.tryAcquire(request), returnGrant);
}

function* untilFirst(place: Place, wait: Wait): Steps<void> {
  if (yield* step(place.isFirst(), nothing)) return;
  wait.begin('driver');
  // Looked again after listening: what happened between the two would go unheard.
  wait.listen((wake) => place.onTurn(wake));
  while (!(yield* step(place.isFirst(), nothing))) yield* pause(wait);
}

function* untilGranted(driver: LockDriver, request: LockRequest, wait: Wait, tryFirst: boolean): Steps<Grant> {
  if (tryFirst) {
    const grant = yield* attempt(driver, request);
    if (grant !== undefined) return grant;
    wait.begin('driver');
  }
  wait.listen((wake) => driver.onRelease?.(request, wake) ?? nothing);
  for (;;) {
    const grant = yield* attempt(driver, request);
    if (grant !== undefined) return grant;
    yield* pause(wait);
  }
}

function* pause(wait: Wait, atMost?: number): Steps<void> {
  yield* step(wait.pause(atMost), nothing);
  wait.look();
}

function* joinLine(driver: LockDriver, request: LockRequest, ordered: boolean, wait: Wait): Steps<Place | undefined> {
  if (driver.joinQueue === undefined) return undefined;
  // Whoever asked for no order goes without a place then: the lock itself may be free, or become free any moment.
  for (let draws = 0; ordered || draws < drawsWithoutOrder; draws += 1) {
    try {
      const place = yield* step(driver.joinQueue(request), (late) => late?.leave());
      if (place !== undefined) return place;
    } catch (error) {
      // No room for a queue file, or another user's: who was promised no order waits without a place.
      if (ordered || wait.isOver) throw error;
      return undefined;
    }
    wait.begin('driver');
    yield* pause(wait, drawInterval);
  }
  return undefined;
}

/**
 * An exclusive holder keeps its place until release, so that a release wakes only the next. A reader or permit holder
 * gives it up at the grant: those behind may be let in beside it, and a writer among them stops all readers after it
 * (G11).
 */
function settled(request: LockRequest, grant: Grant, place: Place | undefined): Obtained {
  if (!request.shared && request.permits === undefined) return { grant, place };
  void place?.leave();
  return { grant, place: undefined };
}

/** Gives back a grant that came too late for anybody to learn of it. */
async function returnGrant(grant: Grant | undefined): Promise<void> {
  try {
    await grant?.release({ unused: true });
  } catch {
    // It still counts as held; the kernel or the liveness check frees it when this process ends.
  }
}
