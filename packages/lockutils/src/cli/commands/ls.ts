import { Command } from 'commander';
import { listLocks } from '../../cleanup/list-locks.js';
import type { LockStatus } from '../../drivers/lock-status.js';
import { printable } from '../../owner/holder.js';
import { statusOfFailure } from '../exit-status.js';
import { formatDuration } from '../terminal/duration.js';
import { describeHolder, print } from '../terminal/output.js';
import { loadConfigOf, type PlaceOptions, placeOptions } from './options.js';

interface LsOptions extends PlaceOptions {
  readonly json?: boolean;
}

const help = `
Reads the lock table of the kernel, or the folders of the lockfile driver. It tries no lock, so it disturbs no other process.
The state is "unknown" if there is no such table. A free lock of the lockfile driver is listed only while a process waits
for it, or if its holder died. WAITERS counts the processes in the queue; Python's oslo.concurrency does not queue, so it is
not counted.

Examples:
  lockutils ls --lock-path /var/lock/nova
  lockutils ls --json | jq -r '.[] | select(.state == "held") | .holders[].pid'`;

/** The command `lockutils ls`. */
export function lsCommand(exit: (status: number) => void): Command {
  const command = new Command('ls')
    .summary('list the locks of a lock path and their holders')
    .description('Lists the locks of a lock path: the holders, for how long, and the number of waiters.')
    .option('--json', 'print an array of objects');
  for (const option of placeOptions()) command.addOption(option);
  return command.addHelpText('after', help).action(async (options: LsOptions) => {
    try {
      loadConfigOf(options);
      const locks = await listLocks(options.lockPath === undefined ? {} : { lockPath: options.lockPath });
      await print(options.json === true ? `${JSON.stringify(locks, null, 2)}\n` : formatLocks(locks));
      exit(0);
    } catch (error) {
      exit(statusOfFailure(error));
    }
  });
}

/** The locks as a table for people. */
export function formatLocks(locks: readonly LockStatus[]): string {
  const rows = [['NAME', 'STATE', 'AGE', 'WAITERS', 'HOLDER'], ...locks.map(rowOf)];
  // Not Math.max(...lengths): a directory may contain more locks than a call may have arguments.
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  return rows
    .map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}

function rowOf(lock: LockStatus): string[] {
  return [
    lock.name,
    stateOf(lock),
    lock.ageMs === undefined ? '-' : formatDuration(lock.ageMs),
    String(lock.waiters ?? '?'),
    holderOf(lock),
  ].map(printable);
}

function stateOf({ state, holders, permits }: LockStatus): string {
  if (state !== 'shared') return state;
  return `shared ${holders.length}${permits === undefined ? '' : `/${permits}`}`;
}

function holderOf({ state, holders, abandonedBy, note }: LockStatus): string {
  if (note !== undefined && holders.length === 0) return '(this user may not read the lock file)';
  if (abandonedBy !== undefined) return `(died holding it: ${describeHolder([abandonedBy])})`;
  return state === 'free' || (state === 'unknown' && holders.length === 0) ? '-' : describeHolder(holders);
}
