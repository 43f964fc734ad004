import { realTime } from '@oslo-concurrency/core';
import { withSpareDescriptor } from '../system/spare-descriptors.js';
import { marksOf } from './command-mark.js';
import { findProcess, listPids, listProcesses, type ProcessEntry } from './process-table.js';

/** One look at the processes of the machine, shared by all callers that asked for one. It gives processes by group, session, parent or mark. */
export class Look {
  /** The system shows no processes (no /proc, no ps). */
  readonly blind: boolean;
  readonly #entries: ProcessEntry[];
  readonly #byPid = new Map<number, ProcessEntry>();
  readonly #byParent = new Map<number, ProcessEntry[]>();
  readonly #byGroup = new Map<number, ProcessEntry[]>();
  readonly #bySession = new Map<number, ProcessEntry[]>();
  readonly #byMark = new Map<string, ProcessEntry[]>();
  /** How many of the entries, the youngest first, have been asked for their marks. */
  #asked = 0;
  /** Whether all that lived at the last listing were asked; `undefined` before that. */
  #complete: boolean | undefined;

  constructor(entries: readonly ProcessEntry[]) {
    this.blind = entries.length === 0;
    this.#entries = [...entries].sort((a, b) => b.start - a.start);
    for (const entry of entries) this.#add(entry);
  }

  #add(entry: ProcessEntry): void {
    this.#byPid.set(entry.pid, entry);
    push(this.#byParent, entry.parent, entry);
    push(this.#byGroup, entry.group, entry);
    push(this.#bySession, entry.session, entry);
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
   * The processes that carry a mark and started at `since` or later, and whether a process may be missing. A process is
   * asked once a look, for all marks: that is two files to read, and most of what a look costs. `isLeft` picks the
   * processes that have still to be signalled.
   */
  carriersOf(
    mark: string,
    since: number,
    isLeft: (entry: ProcessEntry) => boolean = () => false,
  ): { readonly found: readonly ProcessEntry[]; readonly disturbed: boolean } {
    for (; this.#asked < this.#entries.length; this.#asked += 1) {
      const entry = this.#entries[this.#asked] as ProcessEntry;
      if (entry.start < since) break;
      // A process that has ended by now may have forked first.
      if (!this.#ask(entry)) this.#complete = undefined;
    }
    // While there is a process to signal, a later look will prove that none is left: against processes that fork as fast
    // as they can, every ms counts.
    const found = this.#byMark.get(mark) ?? [];
    if (found.some(isLeft)) return { found, disturbed: this.#complete !== true };
    this.#complete ??= this.#addNewborns();
    return { found: this.#byMark.get(mark) ?? [], disturbed: !this.#complete };
  }

  /**
   * Reads the processes that were born since the table was read; returns whether that makes it whole.
   *
   * Reading takes some ms, in which a process can fork and end, so that neither it nor its child is found. But a process
   * that lives when the pids are listed again was read before, or is new and is read now. A process that ended before that
   * listing left no child that the listing does not show. Only one that ends between the listing and its reading, a moment
   * later, may have left a child; then the pids are listed again.
   */
  #addNewborns(): boolean {
    for (let again = 0; again < 5; again += 1) {
      let whole = true;
      for (const pid of listPids()) {
        if (this.#byPid.has(pid)) continue;
        const entry = findProcess(pid);
        if (entry !== undefined) this.#add(entry);
        if (entry === undefined || !this.#ask(entry)) whole = false;
      }
      if (whole) return true;
    }
    return false;
  }

  /** Notes the marks of a process; `false` when it ended before. */
  #ask(entry: ProcessEntry): boolean {
    const marks = marksOf(entry);
    for (const id of marks ?? []) push(this.#byMark, id, entry);
    return marks !== undefined;
  }
}

function push<K>(groups: Map<K, ProcessEntry[]>, key: K, entry: ProcessEntry): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [entry]);
  else group.push(entry);
}

/** Looks at once, for a caller that does not share the look. */
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
let spent = 0;

// A waiter that is due this many ms after another looks with it.
const together = 2;

/**
 * How many ms the last look took whose waiters have all acted on it: its reading, and what they spent on it by `onLook`.
 * Other work of this process stood still meanwhile.
 */
export function lookCost(): number {
  return cost;
}

/**
 * Does what a waiter does with its look, and counts the time as the look's.
 *
 * The turn in which a look is handed out must not be measured as a whole: a caller whose command has ended goes on in
 * it, and may work for a second there, or start a hundred commands. That counted as the look's cost once, and the next
 * commands to be ended waited four times as long for their second look.
 */
export function onLook<T>(act: () => T): T {
  const begun = realTime.now();
  try {
    return act();
  } finally {
    spent += realTime.now() - begun;
  }
}

/**
 * A look that begins `wait` ms from now at the earliest, so after all that the caller has done so far.
 *
 * Two hundred commands that are ended at once share each look: what it costs then grows with the number of processes, not
 * with that times the number of commands. No caller waits longer than it asked to, except for the turn that is in progress.
 */
export function nextLook(wait: number): Promise<Look> {
  return new Promise((resolve) => {
    const due = realTime.now() + wait;
    waiters.push({ due, resolve });
    // A timer may be early by part of a ms; a look that served no waiter would only set the next timer.
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
  // On a busy machine a look serves several that were due one after the other: they go on in that order.
  const due = waiters.filter((waiter) => waiter.due <= begun + together).sort((a, b) => a.due - b.due);
  waiters = waiters.filter((waiter) => waiter.due > begun + together);
  cost = spent;
  spent = 0;
  const look = onLook(lookNow);
  for (const { resolve } of due) resolve(look);
  const next = Math.min(...waiters.map((waiter) => waiter.due));
  if (waiters.length > 0) setTimer(next);
}
