import { readdirSync, readFileSync } from 'node:fs';

/** What `/proc` reports about a process that has not ended. */
interface Living {
  readonly parent: number;
  /** When it started. Distinguishes it from a later process with the same pid. */
  readonly start: string;
}

/**
 * A process and its descendants, parents first, as far as `/proc` shows them, with their start times. Without `/proc`:
 * only the process, without a start time. A process that has left its parent (a daemon) is not found.
 */
export function withDescendants(pid: number): ReadonlyMap<number, string | undefined> {
  const all = new Map<number, Living>();
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
  return new Map(found.map((each) => [each, all.get(each)?.start]));
}

/** Whether the process with this start time still runs. */
export function stillRuns(pid: number, start: string): boolean {
  return look(pid)?.start === start;
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

function look(pid: number): Living | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ended = fields[0] === 'Z' || fields[0] === 'X';
    return ended ? undefined : { parent: Number(fields[1]), start: fields[19] ?? '' };
  } catch {
    // The process has ended in the meantime.
    return undefined;
  }
}
