import { readdirSync, readFileSync } from 'node:fs';

/**
 * A process and all that it and its children started, parents first, as far as `/proc` tells; without it the process
 * alone. Who has left its parent (a daemon) is not found.
 */
export function withDescendants(pid: number): number[] {
  const children = new Map<number, number[]>();
  try {
    for (const entry of readdirSync('/proc')) {
      const parent = /^\d+$/.test(entry) ? parentOf(entry) : undefined;
      if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
    }
  } catch {
    return [pid];
  }
  const found = [pid];
  // The list grows while it is walked.
  for (const process of found) found.push(...(children.get(process) ?? []));
  return found;
}

function parentOf(pid: string): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    // Ended meanwhile.
    return undefined;
  }
}
