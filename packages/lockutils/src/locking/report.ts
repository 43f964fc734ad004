import { getLogger, hasLogger, lockChannels } from '@oslo-concurrency/core';
import { AcquireLockFailedError, LockTimeoutError } from '../errors.js';
import { ownCommand } from '../owner/command-line.js';
import type { Holder } from '../owner/holder.js';
import { run, type Steps, step } from '../steps.js';
import { eventOf, type LockCall } from './call.js';

/** Tells log and subscribers of the call. */
export function announce(call: LockCall): void {
  if (hasLogger() && call.options.doLog !== false) getLogger().debug(`Acquiring lock "${call.name}"`);
  if (lockChannels.acquire.hasSubscribers) lockChannels.acquire.publish(eventOf(call));
}

/** Tells `onWait` and subscribers that the call waits. */
export function tellWait(call: LockCall): void {
  const { onWait } = call.options;
  if (onWait === undefined && !lockChannels.wait.hasSubscribers) return;
  const info = { name: call.name, lockFile: call.request?.path, holders: () => run(whoHolds(call)) };
  if (lockChannels.wait.hasSubscribers) lockChannels.wait.publish({ ...eventOf(call), detail: info });
  onWait?.(info);
}

/** The error of a call whose time is up. */
export function* timedOut(call: LockCall): Steps<LockTimeoutError> {
  return new LockTimeoutError(call.name, call.options.timeout ?? 0, yield* whoHolds(call));
}

/** The error of a call that is not to wait. */
export function* notFree(call: LockCall): Steps<AcquireLockFailedError> {
  return new AcquireLockFailedError(call.name, yield* whoHolds(call));
}

/** This process as a holder: what is in the way of an internal lock. */
export function thisProcess(): Holder {
  return { pid: process.pid, command: ownCommand() };
}

/** Who has the lock, for messages; nobody when that cannot be found out. */
export function* whoHolds(call: LockCall): Steps<readonly Holder[]> {
  const { driver, request } = call;
  // A name is one lock within a process, so this process may have it with another file than the one asked for.
  const here = isAtGate(call) ? [thisProcess()] : [];
  if (driver === undefined || request === undefined) return [thisProcess()];
  try {
    const holders = yield* step(driver.holders(request));
    return holders.length === 0 ? here : holders;
  } catch {
    // It is only for the message; the error that matters is the one being made.
    return here;
  }
}

// The door is left again at the grant, and who has passed the other two waits for others of this process no more.
function isAtGate({ gates, turns }: LockCall): boolean {
  return turns.length < Math.min(gates.length, 2);
}
