import { getLogger, hasLogger, lockChannels } from '@oslo-concurrency/core';
import { AcquireLockFailedError, LockTimeoutError } from '../errors/lock-errors.js';
import { type Holder, thisProcess } from '../owner/holder.js';
import { run, type Steps, step } from '../steps.js';
import { eventOf, type LockCall } from './call.js';

/** Reports the call to the log and to subscribers. */
export function announce(call: LockCall): void {
  if (hasLogger() && call.options.doLog !== false) getLogger().debug(`Acquiring lock "${call.name}"`);
  if (lockChannels.acquire.hasSubscribers) lockChannels.acquire.publish(eventOf(call));
}

/** Reports to `onWait` and to subscribers that the call waits. */
export function reportWait(call: LockCall): void {
  const { onWait } = call.options;
  if (onWait === undefined && !lockChannels.wait.hasSubscribers) return;
  const info = { name: call.name, lockFile: call.request?.path, holders: () => run(currentHolders(call)) };
  if (lockChannels.wait.hasSubscribers) lockChannels.wait.publish({ ...eventOf(call), detail: info });
  onWait?.(info);
}

/** Reports to the log and to subscribers that the call was granted the lock. */
export function reportGrant(call: LockCall, waitedMs: number, previousOwnerDied: boolean): void {
  if (hasLogger() && call.options.doLog !== false) {
    getLogger().debug(`Acquired lock "${call.name}"`);
    if (call.request !== undefined) getLogger().debug(`Acquired external semaphore "${call.name}"`);
  }
  if (lockChannels.grant.hasSubscribers) {
    lockChannels.grant.publish({ ...eventOf(call), waitedMs, previousOwnerDied });
  }
}

/** Reports to the log and to subscribers that the lock was released; `since`: when it was granted, if that is known. */
export function reportRelease(call: LockCall, since: number | undefined): void {
  if (hasLogger() && call.options.doLog !== false) getLogger().debug(`Releasing lock "${call.name}"`);
  if (!lockChannels.release.hasSubscribers) return;
  const held = since === undefined ? {} : { heldMs: call.clock.now() - since };
  lockChannels.release.publish({ ...eventOf(call), ...held });
}

/** Reports to subscribers that the call ended without the lock. */
export function reportFailure(call: LockCall, error: unknown): void {
  if (!lockChannels.fail.hasSubscribers) return;
  const waitedMs = call.start === undefined ? 0 : call.clock.now() - call.start;
  lockChannels.fail.publish({ ...eventOf(call), waitedMs, detail: error });
}

/** The error of a call whose timeout has expired. */
export function* timedOut(call: LockCall): Steps<LockTimeoutError> {
  return new LockTimeoutError(call.name, call.options.timeout ?? 0, yield* currentHolders(call));
}

/** The error of a call that must not wait. */
export function* notFree(call: LockCall): Steps<AcquireLockFailedError> {
  return new AcquireLockFailedError(call.name, yield* currentHolders(call));
}

/** The holders of the lock, for messages; none if they cannot be determined. */
export function* currentHolders(call: LockCall): Steps<readonly Holder[]> {
  const { driver, request } = call;
  // A name is one lock within a process, so this process may hold it with another file than the one asked for.
  const here = isAtGate(call) ? [thisProcess()] : [];
  if (driver === undefined || request === undefined) return [thisProcess()];
  try {
    const holders = yield* step(driver.holders(request));
    return holders.length === 0 ? here : holders;
  } catch {
    // The holders are only for the message. The error under construction is more important.
    return here;
  }
}

// The door is left at the grant. A call that has passed the other two gates no longer waits for other calls of this
// process.
function isAtGate({ gates, turns }: LockCall): boolean {
  return turns.length < Math.min(gates.length, 2);
}
