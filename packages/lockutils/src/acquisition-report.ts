import { getLogger, hasLogger, lockChannels } from '@oslo-concurrency/core';
import { type Acquisition, eventOf } from './acquisition.js';
import { LockTimeoutError } from './errors.js';
import { ownCommand } from './owner/command-line.js';
import type { Holder } from './owner/holder.js';

/** Tells log and subscribers of the call. */
export function announce(call: Acquisition): void {
  if (hasLogger() && call.options.doLog !== false) getLogger().debug(`Acquiring lock "${call.name}"`);
  if (lockChannels.acquire.hasSubscribers) lockChannels.acquire.publish(eventOf(call));
}

/** Tells `onWait` and subscribers that the call waits. */
export function tellWait(call: Acquisition): void {
  const { onWait } = call.options;
  if (onWait === undefined && !lockChannels.wait.hasSubscribers) return;
  const info = { name: call.name, lockFile: call.request?.path, holders: () => holdersOf(call) };
  if (lockChannels.wait.hasSubscribers) lockChannels.wait.publish({ ...eventOf(call), detail: info });
  onWait?.(info);
}

/** The error of a call whose time is up. */
export async function timedOut(call: Acquisition): Promise<LockTimeoutError> {
  return new LockTimeoutError(call.name, call.options.timeout ?? 0, await holdersOf(call));
}

/** This process as a holder: what is in the way of an internal lock. */
export function thisProcess(): Holder {
  return { pid: process.pid, command: ownCommand() };
}

/** Who has the lock, for messages; nobody when that cannot be found out. */
export async function holdersOf({ driver: selected, request }: Acquisition): Promise<readonly Holder[]> {
  const driver = await selected;
  if (driver === undefined || request === undefined) return [thisProcess()];
  try {
    return await driver.holders(request);
  } catch {
    // It is only for the message; the error that matters is the one being made.
    return [];
  }
}
