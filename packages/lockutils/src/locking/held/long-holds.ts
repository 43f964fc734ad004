import { getLogger, lockChannels, realTime } from '@oslo-concurrency/core';
import type { Grant } from '../../drivers/driver.js';
import { LockLostError } from '../../errors/lock-errors.js';
import { eventOf, type LockCall } from '../call.js';

/** A held lock that is checked regularly. This object does not keep the user's handle from being garbage collected. */
export interface Hold {
  readonly call: LockCall;
  readonly grant: Grant;
  looks: number;
  /** Whether an answer of the driver is pending. */
  looking: boolean;
  /** Whether the loss of the lock was reported. */
  lost: boolean;
}

const holds = new Set<Hold>();
let timer: NodeJS.Timeout | undefined;
let beginning = false;

/**
 * Checks a lock from its grant until {@link endHold}: every few seconds whether it still exists. About once an hour it
 * also sets the times of the lock's files, so that they stay young. The loss of a lock is reported once, to the log and
 * to subscribers; its release rejects. One timer serves all locks of a thread and keeps no process alive. A thread that
 * is blocked all the time, as by a synchronous program, cannot run the checks: there, the release reports the loss.
 */
export function beginHold(call: LockCall, grant: Grant): Hold | undefined {
  if (grant.refresh === undefined) return undefined;
  const hold: Hold = { call, grant, looks: 0, looking: false, lost: false };
  holds.add(hold);
  // Deferred: most locks are released at once, and a timer costs more than all of this.
  if (timer === undefined && !beginning) {
    beginning = true;
    void later.then(beginLooking);
  }
  return hold;
}

export function endHold(hold: Hold): void {
  holds.delete(hold);
}

/** Reports the loss of a lock to subscribers, once. Returns whether this was the first time. */
export function reportLost(hold: Hold, error: Error): boolean {
  if (hold.lost) return false;
  hold.lost = true;
  if (lockChannels.lost.hasSubscribers) lockChannels.lost.publish({ ...eventOf(hold.call), detail: error });
  return true;
}

function beginLooking(): void {
  beginning = false;
  if (holds.size > 0) timer ??= realTime.setInterval(lookAtAll, lookInterval).unref();
}

function lookAtAll(): void {
  if (holds.size === 0) {
    realTime.clearInterval(timer);
    timer = undefined;
  }
  for (const hold of holds) if (!hold.lost && !hold.looking) void look(hold);
}

async function look(hold: Hold): Promise<void> {
  hold.looking = true;
  hold.looks += 1;
  try {
    const there = await hold.grant.refresh?.(hold.looks % looksAnHour === 0);
    // If it was released in the meantime, its absence is expected.
    if (there === false && holds.has(hold)) {
      const error = new LockLostError(hold.call.request?.path ?? hold.call.name);
      if (reportLost(hold, error)) getLogger().error(error.message);
    }
  } catch {
    // The driver could not determine it.
  } finally {
    hold.looking = false;
  }
}

const later = Promise.resolve();
const lookInterval = 5000;
const looksAnHour = 720;
