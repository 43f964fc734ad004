import type { Grant, LockDriver, LockRequest, Place } from '../drivers/driver.js';
import { LockUnsupportedError } from '../errors.js';
import { mustQueue, type Obtained, settled } from './obtain.js';
import { isThenable } from './thenable.js';

/** How a synchronous wait goes on. */
export interface SyncPatience {
  /** Called once, before the first wait; throws where there must be none. */
  begin(): void;
  /** Blocks this thread for a moment; `false`, at once, when the time is up. */
  pause(): boolean;
}

/**
 * What `obtain` does, without letting go of the thread: one try that may pass others unless order was asked for, then
 * a place in the same line, then tries until the lock is granted. Whatever ends the wait, the place is given up.
 *
 * @returns `undefined` when the time is up. @throws LockUnsupportedError when the driver answers with promises
 */
export function obtainSync(
  driver: LockDriver,
  request: LockRequest,
  fair: boolean,
  patience: SyncPatience,
): Obtained | undefined {
  const attempt = (): Grant | undefined => answerOf(driver, request, driver.tryAcquire(request), (g) => g?.release());
  const queued = mustQueue(request, fair);
  let place: Place | undefined;
  let grant: Grant | undefined;
  let begun = false;
  const pause = (): boolean => {
    if (!begun) patience.begin();
    begun = true;
    return patience.pause();
  };
  try {
    if (!queued) {
      grant = attempt();
      if (grant !== undefined) return { grant, place };
      patience.begin();
      begun = true;
    }
    let joined = joinLine(driver, request, queued);
    while (joined === 'busy') {
      if (!pause()) return undefined;
      joined = joinLine(driver, request, queued);
    }
    place = joined;
    while (place !== undefined && !answerOf(driver, request, place.isFirst())) if (!pause()) return undefined;
    for (;;) {
      grant = attempt();
      if (grant !== undefined) return settled(request, grant, place);
      if (!pause()) return undefined;
    }
  } finally {
    if (grant === undefined) place?.leave();
  }
}

function joinLine(driver: LockDriver, request: LockRequest, queued: boolean): Place | undefined | 'busy' {
  const { joinQueue } = driver;
  if (joinQueue === undefined) return undefined;
  try {
    return answerOf(driver, request, joinQueue.call(driver, request), (late) => late?.leave()) ?? 'busy';
  } catch (error) {
    // No room for a queue file, or another user's: who was promised no order waits without a place.
    if (queued) throw error;
    return undefined;
  }
}

function answerOf<T>(
  driver: LockDriver,
  request: LockRequest,
  answer: T | PromiseLike<T>,
  giveBack: (late: T) => unknown = () => {},
): T {
  if (!isThenable(answer)) return answer;
  answer.then(giveBack).then(undefined, () => {});
  throw new LockUnsupportedError(request.path, `The driver ${driver.name} cannot answer lockSync at once; use lock()`);
}
