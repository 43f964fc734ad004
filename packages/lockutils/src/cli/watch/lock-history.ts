import type { LockStatus } from '../../drivers/lock-status.js';
import type { Holder } from '../../owner/holder.js';
import { printable } from '../../owner/holder.js';
import type { Bar, Layout, Mark, Row } from '../../timeline/layout.js';
import { ms } from '../../timeline/layout.js';
import { describeHolder } from '../terminal/output.js';

/** A hold that has not ended yet. */
interface OpenHold {
  readonly row: MutableRow;
  readonly from: number;
  readonly together: boolean;
  readonly tip: string;
}

interface MutableRow extends Row {
  readonly bars: Bar[];
  readonly marks: Mark[];
  readonly description: string;
}

/** What a holder did while the lock was watched. */
export interface HolderSummary {
  readonly label: string;
  readonly description: string;
  readonly holds: number;
  readonly heldMs: number;
}

/**
 * Collects the holders of one lock over time, from one look at it after the other. A hold between two looks is not seen. A hold
 * begins when its holder says so, if that lies between the last look and this one; it ends at the first look without it.
 */
export class LockHistory {
  readonly #name: string;
  readonly #start: number;
  readonly #rows = new Map<string, MutableRow>();
  readonly #open = new Map<string, OpenHold>();
  #waiting: { readonly count: number; readonly from: number } | undefined;
  readonly #waits: Bar[] = [];
  #abandoned: string | undefined;
  #last = 0;
  looks = 0;

  /** `start`: the wall clock at the beginning, in ms since 1970. */
  constructor(name: string, start: number) {
    this.#name = name;
    this.#start = start;
  }

  /** `status` is `undefined` while the lock has no file. `at`: milliseconds since the beginning. */
  see(status: LockStatus | undefined, at: number): void {
    this.looks += 1;
    const holders = status?.holders ?? [];
    const keys = holders.map(keyOf);
    for (const [key, hold] of this.#open) if (!keys.includes(key)) this.#end(key, hold, at);
    for (const [index, holder] of holders.entries()) {
      const key = keys[index] ?? '';
      if (!this.#open.has(key)) this.#begin(key, holder, status?.state === 'shared', at);
    }
    this.#countWaiters(status?.waiters ?? 0, at);
    this.#noteDeath(status?.abandonedBy, at);
    this.#last = at;
  }

  /** What was seen until now. Holds that go on end at the edge. */
  layout(at: number): Layout {
    const rows = [...this.#rows.values()].map(({ label, bars, marks }) => ({ label, marks, bars: [...bars] }));
    for (const { row, ...hold } of this.#open.values()) {
      const shown = rows.find(({ label }) => label === row.label);
      shown?.bars.push({ kind: 'hold', lock: 0, ...hold, to: at, tip: `${hold.tip}, still held` });
    }
    const waits = [...this.#waits];
    if (this.#waiting !== undefined) waits.push(waitBar(this.#waiting, at));
    if (waits.length > 0) rows.push({ label: 'waiting', bars: waits, marks: [] });
    return { duration: at, names: [this.#name], rows, violations: [] };
  }

  /** The holders, in the order in which they were first seen. */
  summaries(at: number): HolderSummary[] {
    const open = [...this.#open.values()];
    return [...this.#rows.values()].map((row) => {
      const own = open.filter((hold) => hold.row === row);
      const ended = row.bars.reduce((sum, { from, to }) => sum + to - from, 0);
      return {
        label: row.label,
        description: row.description,
        holds: row.bars.length + own.length,
        heldMs: own.reduce((sum, { from }) => sum + at - from, ended),
      };
    });
  }

  #begin(key: string, holder: Holder, together: boolean, at: number): void {
    const said = holder.since === undefined ? at : holder.since.getTime() - this.#start;
    // What was held before the first look is drawn from the edge; clocks of other machines are not believed.
    const from = Math.min(at, Math.max(this.#last, said));
    this.#open.set(key, { row: this.#rowOf(holder), from, together, tip: printable(describeHolder([holder])) });
  }

  #end(key: string, { row, from, together, tip }: OpenHold, at: number): void {
    this.#open.delete(key);
    row.bars.push({ kind: 'hold', lock: 0, from, to: at, together, tip: `${tip}\nheld ${ms(at - from)}` });
  }

  #rowOf(holder: Holder): MutableRow {
    const identity = `${holder.pid}@${holder.host}`;
    let row = this.#rows.get(identity);
    if (row === undefined) {
      const taken = [...this.#rows.values()].some(({ label }) => label === `pid ${holder.pid}`);
      const label = holder.pid === undefined ? 'unknown' : `pid ${holder.pid}${taken ? ` on ${holder.host}` : ''}`;
      const what = holder.label ?? holder.command;
      const where = holder.host === undefined ? '' : ` on ${holder.host}`;
      row = { label: printable(label), bars: [], marks: [], description: printable(`${what ?? 'unknown'}${where}`) };
      this.#rows.set(identity, row);
    }
    return row;
  }

  #countWaiters(count: number, at: number): void {
    if (count === (this.#waiting?.count ?? 0)) return;
    if (this.#waiting !== undefined) this.#waits.push(waitBar(this.#waiting, at));
    this.#waiting = count === 0 ? undefined : { count, from: at };
  }

  #noteDeath(dead: Holder | undefined, at: number): void {
    const key = dead === undefined ? undefined : keyOf(dead);
    // It lies there until the next holder learns of it; from before the beginning it is no news.
    if (dead !== undefined && key !== this.#abandoned && this.looks > 1) {
      this.#rowOf(dead).marks.push({ kind: 'fault', at, tip: printable(`${describeHolder([dead])} died holding it`) });
    }
    this.#abandoned = key;
  }
}

function waitBar({ count, from }: { readonly count: number; readonly from: number }, to: number): Bar {
  return { kind: 'wait', lock: 0, from, to, together: false, tip: `${count} waiting\n${ms(to - from)}` };
}

function keyOf({ pid, host, since, label }: Holder): string {
  return JSON.stringify([pid, host, since, label]);
}
