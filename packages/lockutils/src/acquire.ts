import { getLogger, hasLogger, Later, lockChannels } from '@oslo-concurrency/core';
import { type Acquisition, eventOf } from './acquisition.js';
import { announce, tellWait, timedOut } from './acquisition-report.js';
import { giveUp, hasDoor, takeDoor, takeTurn, waitFor, waitForDoor } from './acquisition-turns.js';
import type { LockDriver, LockRequest, Place } from './drivers/driver.js';
import { AcquireLockFailedError } from './errors.js';
import { GrantedLock } from './granted-lock.js';
import { leaveTurn } from './local/held-turn.js';
import { pathRegistry } from './local/turn-registry.js';
import { type FirstTry, type Obtained, obtain, returnGrant, tryOnce } from './waiting/obtain.js';
import type { Patience } from './waiting/patience.js';
import { isThenable } from './waiting/thenable.js';

const defaultGuard = 50;

/**
 * Acquires: the internal turn of the name, then of an external lock the turn of its file, then the driver. At once
 * when nothing is in the way, so that an uncontended lock costs no timer, promise or listener.
 */
export function acquire(call: Acquisition): GrantedLock | Promise<GrantedLock> {
  announce(call);
  call.options.signal?.throwIfAborted();
  return isThenable(call.driver) ? afterLoading(call, call.driver) : takeAll(call, call.driver);
}

async function afterLoading(call: Acquisition, loading: Promise<LockDriver>): Promise<GrantedLock> {
  call.start ??= call.clock.now();
  const driver = await loading;
  call.driver = driver;
  call.options.signal?.throwIfAborted();
  return takeAll(call, driver);
}

function takeAll(call: Acquisition, driver: LockDriver | undefined): GrantedLock | Promise<GrantedLock> {
  const { request, options } = call;
  if (!takeTurn(call, call.registry, call.name)) return acquireSlowly(call, driver, 'name');
  if (request === undefined || driver === undefined) return granted(call, undefined);
  if (!takeTurn(call, pathRegistry, request.path)) return acquireSlowly(call, driver, 'path');
  // Readers of this process go to the driver one by one, so that one waiter per file and process is all there is.
  if (!takeDoor(call, request)) return acquireSlowly(call, driver, 'door');
  try {
    const first = tryOnce(driver, request, options.fair === true);
    if (isThenable(first)) {
      call.start ??= call.clock.now();
      return first.then((result) => afterTry(call, driver, result)).catch((error) => giveUp(call, error));
    }
    if (first.obtained !== undefined) return granted(call, first.obtained);
    return acquireSlowly(call, driver, 'driver', first.place);
  } catch (error) {
    return giveUp(call, error);
  }
}

async function afterTry(call: Acquisition, driver: LockDriver, { obtained, place }: FirstTry): Promise<GrantedLock> {
  if (obtained === undefined) return acquireSlowly(call, driver, 'driver', place);
  const { signal } = call.options;
  if (signal?.aborted !== true) return granted(call, obtained);
  // The abort came while the driver was trying: the grant is given back before anybody learns of it.
  await returnGrant(obtained.grant);
  await obtained.place?.leave();
  throw signal.reason;
}

type Stage = 'name' | 'path' | 'door' | 'driver';

async function acquireSlowly(
  call: Acquisition,
  driver: LockDriver | undefined,
  from: Stage,
  place?: Place,
): Promise<GrantedLock> {
  const { request, options } = call;
  try {
    if (options.blocking === false) throw new AcquireLockFailedError(call.name);
    call.start ??= call.clock.now();
    const patience: Patience = {
      clock: call.clock,
      deadline: options.timeout === undefined ? Number.POSITIVE_INFINITY : call.start + options.timeout,
      signal: options.signal,
      guard: options.delay ?? defaultGuard,
    };
    tellWait(call);
    if (from === 'name') await waitFor(call, call.registry, call.name, call.mode, patience);
    if (request === undefined || driver === undefined) return granted(call, undefined);
    if (from === 'name' || from === 'path') await waitFor(call, pathRegistry, request.path, call.mode, patience);
    if (from !== 'driver') await waitForDoor(call, request, patience);
    const obtained = await obtainWatched(call, driver, request, patience, place);
    if (obtained === undefined) throw await timedOut(call);
    return granted(call, obtained);
  } catch (error) {
    // Taken by the first try, and perhaps not handed on yet: onWait may have thrown.
    await place?.leave();
    return giveUp(call, error);
  }
}

// A wait with an end of its own is no deadlock, and a permit says nothing about who is in the way. Not async: what it
// returned would reach the one who waits three turns of the queue of promises later.
function obtainWatched(
  call: Acquisition,
  driver: LockDriver,
  request: LockRequest,
  patience: Patience,
  place: Place | undefined,
): Promise<Obtained | undefined> {
  const fair = call.options.fair === true;
  const endless = patience.deadline === Number.POSITIVE_INFINITY && patience.signal === undefined;
  if (call.inside === undefined || !endless || request.permits !== undefined) {
    return obtain(driver, request, fair, patience, place);
  }
  return obtainUnlessDeadlocked(call, call.inside, driver, request, patience, place);
}

async function obtainUnlessDeadlocked(
  call: Acquisition,
  inside: NonNullable<Acquisition['inside']>,
  driver: LockDriver,
  request: LockRequest,
  patience: Patience,
  place: Place | undefined,
): Promise<Obtained | undefined> {
  const { watchForDeadlock } = await deadlockWatch.use((module) => module);
  const controller = new AbortController();
  const wants = { path: request.path, shared: request.shared };
  const stop = watchForDeadlock(call.name, wants, inside, call.clock, (error) => controller.abort(error));
  try {
    const breakable = { ...patience, signal: controller.signal };
    return await obtain(driver, request, call.options.fair === true, breakable, place);
  } finally {
    stop();
  }
}

const deadlockWatch = new Later<typeof import('./deadlock/deadlock-watch.js')>(
  import.meta.url,
  './deadlock/deadlock-watch.js',
  () => import('./deadlock/deadlock-watch.js'),
);

/** What a call that got everything resolves to. */
export function granted(call: Acquisition, obtained: Obtained | undefined): GrantedLock {
  const { request } = call;
  if (request !== undefined && hasDoor(request)) {
    const door = call.turns.pop();
    if (door !== undefined) leaveTurn(door);
  }
  if (call.body !== undefined && request !== undefined && request.permits === undefined) {
    call.body.holds = { path: request.path, shared: request.shared };
  }
  const waitedMs = call.start === undefined ? 0 : call.clock.now() - call.start;
  if (hasLogger() && call.options.doLog !== false) {
    getLogger().debug(`Acquired lock "${call.name}"`);
    if (request !== undefined) getLogger().debug(`Acquired external semaphore "${call.name}"`);
  }
  if (lockChannels.grant.hasSubscribers) lockChannels.grant.publish({ ...eventOf(call), waitedMs });
  return new GrantedLock(call, obtained, waitedMs);
}
