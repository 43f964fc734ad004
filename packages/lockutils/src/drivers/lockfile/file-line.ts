import { realTime } from '@oslo-concurrency/core';
import { run, runSync } from '../../steps.js';
import type { LockRequest, Place } from '../driver.js';
import { explained, lockPathsOf } from './lock-paths.js';
import { TicketFolder } from './queue.js';
import { folderWatches, type LockfileFs } from './system.js';

/** Joins the queue of a lock, with one folder per ticket. */
export function joinLine(fs: LockfileFs, request: LockRequest, synchronous: boolean): Place | Promise<Place> {
  const { path, label } = request;
  const ticket = new TicketFolder(fs, path);
  const fail = (error: unknown): never => {
    throw explained(path, 'queue', error);
  };
  if (!synchronous) return run(ticket.join(label)).then(() => placeOf(path, ticket, false), fail);
  try {
    runSync(ticket.join(label));
    return placeOf(path, ticket, true);
  } catch (error) {
    return fail(error);
  }
}

function placeOf(path: string, ticket: TicketFolder, synchronous: boolean): Place {
  const { extra: queue } = lockPathsOf(path);
  let left = false;
  return {
    ticket: ticket.number,
    isFirst: () => (synchronous ? runSync(ticket.isFirst()) : run(ticket.isFirst())),
    onTurn: (wake) =>
      folderWatches.subscribe(queue, (name) => {
        if (name === undefined || name === ticket.before) wake();
      }),
    leave() {
      if (left) return undefined;
      left = true;
      return synchronous ? leaveSync(ticket) : leave(ticket);
    },
  };
}

// A ticket that stays blocks all waiters behind it for as long as this process lives, so a failure is retried.
const retryEvery = 100;
const maxRetries = 600;

// Settles when the ticket is gone, or when it must be retried; no caller waits for the retries.
async function leave(ticket: TicketFolder): Promise<void> {
  try {
    await run(ticket.leave());
  } catch {
    void leaveAgain(ticket);
  }
}

async function leaveAgain(ticket: TicketFolder): Promise<void> {
  for (let retry = 0; retry < maxRetries; retry += 1) {
    try {
      await run(ticket.leave());
      return;
    } catch {
      await new Promise((resolve) => realTime.setTimeout(resolve, retryEvery).unref());
    }
  }
}

function leaveSync(ticket: TicketFolder): void {
  try {
    runSync(ticket.leave());
  } catch {
    const again = realTime
      .setInterval(() => {
        try {
          runSync(ticket.leave());
          realTime.clearInterval(again);
        } catch {
          // Retried the next time.
        }
      }, retryEvery)
      .unref();
  }
}
