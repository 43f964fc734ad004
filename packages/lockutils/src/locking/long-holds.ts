import { getLogger, lockChannels, realTime } from '@oslo-concurrency/core';
import type { Grant } from '../drivers/driver.js';
import { LockLostError } from '../errors.js';
import { eventOf, type LockCall } from './call.js';

/** A lock that is held, as far as it is looked after. It keeps the handle of its user from no garbage collection. */
export interface Hold {
  readonly call: LockCall;
  readonly grant: Grant;
  looks: number;
  /** Whether an answer of the driver is waited for. */
  looking: boolean;
  /** Whether its loss was reported. */
  lost: boolean;
}

const holds = new Set<Hold>();
let timer: NodeJS.Timeout | undefined;
let beginning = false;

/**
 * Looks after a lock from the grant on, until {@link endHold}: every few seconds whether it is still there, and about
 * once an hour its files are kept young. A lock that was lost is reported once, to the log and to those who listen; its
 * release rejects. One timer serves all locks of a thread, and keeps no process alive. A thread that is blocked all the
 * time, as by a synchronous program, is not served: its release tells.
 */
export function beginHold(call: LockCall, grant: Grant): Hold | undefined {
  if (grant.refresh === undefined) return undefined;
  const hold: Hold = { call, grant, looks: 0, looking: false, lost: false };
  holds.add(hold);
  // Later: most locks are released at once, and a timer costs more than all of this.
  if (timer === undefined && !beginning) {
    beginning = true;
    void later.then(beginLooking);
  }
  return hold;
}

export function endHold(hold: Hold): void {
  holds.delete(hold);
}

/** Reports the loss of a lock to those who listen, once; whether this was the first time. */
export function tellLost(hold: Hold, error: Error): boolean {
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
    // Released meanwhile, it is not there for a good reason.
    if (there === false && holds.has(hold)) {
      const error = new LockLostError(hold.call.request?.path ?? hold.call.name);
      if (tellLost(hold, error)) getLogger().error(error.message);
    }
  } catch {
    // Nothing was seen.
  } finally {
    hold.looking = false;
  }
}

const later = Promise.resolve();
const lookInterval = 5000;
const looksAnHour = 720;
