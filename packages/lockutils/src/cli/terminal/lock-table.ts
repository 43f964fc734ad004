import type { LockStatus } from '../../drivers/lock-status.js';
import { printable } from '../../owner/holder.js';
import { formatDuration } from './duration.js';
import { describeHolder } from './output.js';

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
