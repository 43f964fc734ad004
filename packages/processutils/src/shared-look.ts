import { realTime } from '@oslo-concurrency/core';
import { marksOf } from './command-mark.js';
import { listProcesses, type ProcessEntry, type ProcessTable } from './process-table.js';
import { withSpareDescriptor } from './spare-descriptors.js';

/** One look at the processes of the machine, for all who asked for one. What was found can be asked for by what it shares. */
export class Look {
  /** Some process ended while the others were being read; what it forked in that moment may be missing. */
  readonly disturbed: boolean;
  /** The system shows no processes (no /proc, no ps). */
  readonly blind: boolean;
  readonly #entries: readonly ProcessEntry[];
  readonly #byPid: ReadonlyMap<number, ProcessEntry>;
  readonly #byParent: ReadonlyMap<number, readonly ProcessEntry[]>;
  readonly #byGroup: ReadonlyMap<number, readonly ProcessEntry[]>;
  readonly #bySession: ReadonlyMap<number, readonly ProcessEntry[]>;
  readonly #byMark = new Map<string, ProcessEntry[]>();
  /** How many of the entries, the youngest first, have been asked for their marks. */
  #asked = 0;
  /** When the youngest process started that ended before it could be asked. */
  #endedUnasked = -1;

  constructor({ entries, disturbed }: ProcessTable) {
    this.disturbed = disturbed;
    this.blind = entries.length === 0;
    this.#entries = [...entries].sort((a, b) => b.start - a.start);
    this.#byPid = new Map(entries.map((entry) => [entry.pid, entry]));
    this.#byParent = grouped(entries, ({ parent }) => parent);
    this.#byGroup = grouped(entries, ({ group }) => group);
    this.#bySession = grouped(entries, ({ session }) => session);
  }

  process(pid: number): ProcessEntry | undefined {
    return this.#byPid.get(pid);
  }

  childrenOf(pid: number): readonly ProcessEntry[] {
    return this.#byParent.get(pid) ?? [];
  }

  inGroup(group: number): readonly ProcessEntry[] {
    return this.#byGroup.get(group) ?? [];
  }

  inSession(session: number): readonly ProcessEntry[] {
    return this.#bySession.get(session) ?? [];
  }

  /**
   * The processes that carry a mark and started at `since` or later, and whether one of that age ended before it could be
   * asked. A process is asked once a look, for all marks: that is two files to read, and most of what a look costs.
   */
  carriersOf(mark: string, since: number): { readonly found: readonly ProcessEntry[]; readonly disturbed: boolean } {
    for (; this.#asked < this.#entries.length; this.#asked += 1) {
      const entry = this.#entries[this.#asked] as ProcessEntry;
      if (entry.start < since) break;
      const marks = marksOf(entry);
      if (marks === undefined) this.#endedUnasked = Math.max(this.#endedUnasked, entry.start);
      for (const id of marks ?? []) {
        const others = this.#byMark.get(id);
        if (others === undefined) this.#byMark.set(id, [entry]);
        else others.push(entry);
      }
    }
    return { found: this.#byMark.get(mark) ?? [], disturbed: this.#endedUnasked >= since };
  }
}

function grouped(
  entries: readonly ProcessEntry[],
  by: (entry: ProcessEntry) => number,
): Map<number, readonly ProcessEntry[]> {
  const groups = new Map<number, ProcessEntry[]>();
  for (const entry of entries) {
    const group = groups.get(by(entry));
    if (group === undefined) groups.set(by(entry), [entry]);
    else group.push(entry);
  }
  return groups;
}

/** Looks at once, for one who does not wait for others. */
export function lookNow(): Look {
  return new Look(withSpareDescriptor(listProcesses));
}

interface Waiter {
  readonly due: number;
  readonly resolve: (look: Look) => void;
}

let waiters: Waiter[] = [];
let timer: { readonly at: number; cancel(): void } | undefined;
let cost = 0;

// Who is due so soon after another looks with it.
const together = 2;

/** How many ms the last look took, with what all who waited for it did then: this process's other work stood still. */
export function lookCost(): number {
  return cost;
}

/**
 * A look that begins `wait` ms from now at the earliest, so after all that the caller has done so far.
 *
 * Two hundred commands that are ended at once share each look: what it costs then grows with the number of processes, not
 * with that times the number of commands. Nobody waits longer than it asked to, but for the turn that is in progress.
 */
export function nextLook(wait: number): Promise<Look> {
  return new Promise((resolve) => {
    const due = realTime.now() + wait;
    waiters.push({ due, resolve });
    // A timer may be early by part of a ms; a look that served nobody would only set the next timer.
    if (timer === undefined || due < timer.at) setTimer(due);
  });
}

function setTimer(at: number): void {
  timer?.cancel();
  const wait = Math.ceil(at - realTime.now());
  // Not sooner than the end of this turn: what else is due in it joins.
  if (wait <= 0) {
    const handle = realTime.setImmediate(lookForAll);
    timer = { at, cancel: () => realTime.clearImmediate(handle) };
  } else {
    const handle = realTime.setTimeout(lookForAll, wait);
    timer = { at, cancel: () => realTime.clearTimeout(handle) };
  }
}

function lookForAll(): void {
  timer = undefined;
  const begun = realTime.now();
  const due = waiters.filter((waiter) => waiter.due <= begun + together);
  waiters = waiters.filter((waiter) => waiter.due > begun + together);
  const look = lookNow();
  for (const { resolve } of due) resolve(look);
  realTime.setImmediate(() => {
    cost = realTime.now() - begun;
  });
  const next = Math.min(...waiters.map((waiter) => waiter.due));
  if (waiters.length > 0) setTimer(next);
}
