import { realTime } from '@oslo-concurrency/core';
import { listLocks } from '../../cleanup/list-locks.js';
import { directoryOf, driverOf } from '../../cleanup/lock-directory.js';
import type { LockStatus } from '../../drivers/lock-status.js';
import { careOf } from '../../drivers/select.js';
import { printable } from '../../owner/holder.js';
import { formatLocks } from '../terminal/lock-table.js';
import { describeHolder, print } from '../terminal/output.js';
import { LiveTable } from './live-table.js';
import { isInUse, type LockChange, LockChanges } from './lock-changes.js';
import { looks, type Pace } from './looks.js';

/** A person sees no more than ten changes a second, and ages that grow by the second. */
const tablePace: Pace = { atLeast: 100, atMost: 1000 };
/** A program may want each change. What gives no hint, such as a Python holder, is seen a little later. */
const linePace: Pace = { atLeast: 20, atMost: 500 };

/** Shows the locks of a lock path until the signal aborts: on a terminal a table, else a line for each change. */
export async function watchLocks(lockPath: string | undefined, json: boolean, signal: AbortSignal): Promise<void> {
  const where = lockPath === undefined ? {} : { lockPath };
  const directory = directoryOf(where);
  const list = (): Promise<LockStatus[]> => listLocks(where);
  const folders = (): readonly string[] => careOf(driverOf(directory)).changing(directory);
  if (json || process.stdout.isTTY !== true || process.env.TERM === 'dumb') {
    await printChanges(looks(list, folders, linePace, signal), json);
    return;
  }
  // Before the terminal is touched: an error then stands where its reader looks.
  await list();
  const table = new LiveTable(process.stdout);
  try {
    for await (const listing of looks(list, folders, tablePace, signal)) table.show(tableOf(directory, listing));
  } finally {
    table.end();
  }
}

async function printChanges(listings: AsyncIterable<readonly LockStatus[]>, json: boolean): Promise<void> {
  const changes = new LockChanges();
  for await (const listing of listings) {
    const at = new Date(realTime.date()).toISOString();
    const lines = changes
      .next(listing)
      .map((change) => (json ? JSON.stringify({ at, ...change }) : lineOf(at, change)));
    if (lines.length > 0) await print(`${lines.join('\n')}\n`);
  }
}

/** `2026-11-28T21:03:05.123Z backup held by pid 4242 (./backup.sh) on web1, 2 waiting` */
function lineOf(at: string, { name, state, holders, waiters, abandonedBy }: LockChange): string {
  const by = holders.length === 0 ? '' : ` by ${describeHolder(holders)}`;
  const died = abandonedBy === undefined ? '' : `, ${describeHolder([abandonedBy])} died holding it`;
  const waiting = (waiters ?? 0) > 0 ? `, ${waiters} waiting` : '';
  return printable(`${at} ${name} ${state}${by}${died}${waiting}`);
}

function tableOf(directory: string, listing: readonly LockStatus[]): string[] {
  const used = listing.filter(isInUse);
  const held = used.filter(({ state }) => state === 'held' || state === 'shared').length;
  const waiters = used.reduce((sum, lock) => sum + (lock.waiters ?? 0), 0);
  const time = new Date(realTime.date()).toTimeString().slice(0, 8);
  const unused = listing.filter((lock) => !isInUse(lock));
  const head = printable(
    `${time}  ${directory}: ${held} held, ${waiters} waiting, ${unused.length} unused (Ctrl-C ends)`,
  );
  return [
    head,
    '',
    ...formatLocks([...used, ...unused])
      .trimEnd()
      .split('\n'),
  ];
}
