import { readdirSync } from 'node:fs';
import { hasEnded, type ProcStat, readProcStat } from '../../owner/proc-stat.js';

/**
 * A process and its descendants, parents first, as far as `/proc` shows them, with their start times. Without `/proc`:
 * only the process, without a start time. A process that has left its parent (a daemon) is not found.
 */
export function withDescendants(pid: number): ReadonlyMap<number, number | undefined> {
  const all = new Map<number, ProcStat>();
  const children = new Map<number, number[]>();
  for (const other of pids()) {
    const living = look(other);
    if (living === undefined) continue;
    all.set(other, living);
    children.set(living.parent, [...(children.get(living.parent) ?? []), other]);
  }
  const found = [pid];
  // The loop also visits entries that it appends.
  for (const process of found) found.push(...(children.get(process) ?? []));
  return new Map(found.map((each) => [each, all.get(each)?.startTime]));
}

/** Whether the process with this start time still runs. */
export function stillRuns(pid: number, start: number): boolean {
  return look(pid)?.startTime === start;
}

function pids(): number[] {
  try {
    return readdirSync('/proc')
      .filter((entry) => /^[1-9]\d*$/.test(entry))
      .map(Number);
  } catch {
    return [];
  }
}

function look(pid: number): ProcStat | undefined {
  try {
    const stat = readProcStat(`/proc/${pid}/stat`);
    return hasEnded(stat) ? undefined : stat;
  } catch {
    // The process has ended in the meantime.
    return undefined;
  }
}
