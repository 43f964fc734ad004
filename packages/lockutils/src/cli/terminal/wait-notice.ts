import { type Clock, realTime, systemClock } from '@oslo-concurrency/core';
import { type Holder, printable } from '../../owner/holder.js';
import { isInBackground } from '../child/job-control.js';
import { cut } from './cut.js';
import { formatDuration } from './duration.js';
import { describeHolder } from './output.js';

/** The output for the notice. */
export interface NoticeOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  /** Whether another process has the terminal now: the user may be typing where the notice would appear. */
  inBackground?(): boolean;
  write(text: string): unknown;
}

/** Standard error. A terminal that cannot clear a line is treated as a log. */
export const standardError: NoticeOutput = {
  get isTTY() {
    return process.stderr.isTTY === true && process.env.TERM !== 'dumb';
  },
  get columns() {
    return process.stderr.columns;
  },
  inBackground: isInBackground,
  write: (text) => process.stderr.write(text),
};

/** Milliseconds until the first notice, and from one to the next. */
export interface NoticePeriod {
  readonly first: number;
  readonly every: number;
}

/** A terminal shows the notice soon and updates it. A log gets a line from time to time, and none for a short wait. */
export const noticePeriods: { readonly terminal: NoticePeriod; readonly log: NoticePeriod } = {
  terminal: { first: 200, every: 1000 },
  log: { first: 1000, every: 30_000 },
};

const clearLine = '\r\u001b[2K';

/**
 * Shows which lock a command waits for: on a terminal, one line that is updated and cleared at the end; elsewhere, a
 * line from time to time. Returns a function that ends the notice; after that nothing is written any more.
 */
export function showWait(
  name: string,
  holders: () => Promise<readonly Holder[]>,
  output: NoticeOutput,
  clock: Clock = systemClock,
  periods = noticePeriods,
): () => void {
  const live = output.isTTY === true;
  const { first, every } = live ? periods.terminal : periods.log;
  const hidden = (): boolean => live && output.inBackground?.() === true;
  let ended = false;
  let shown = false;
  let cancel = clock.schedule(first, () => void update());
  const update = async (): Promise<void> => {
    const text = waitText(name, await holders().catch(() => []), realTime.date());
    if (ended) return;
    if (!hidden()) {
      // A line that wraps could not be cleared. A terminal without a known size reports 0 columns.
      output.write(live ? clearLine + cut(text, (output.columns || 80) - 1) : `lockutils: ${text}\n`);
      shown = true;
    } else shown = false;
    cancel = clock.schedule(every, () => void update());
  };
  return () => {
    if (ended) return;
    ended = true;
    cancel();
    if (live && shown && !hidden()) output.write(clearLine);
  };
}

/** `waiting for NAME, held by pid 4242 (node deploy.js) on HOST for 12 s` */
export function waitText(name: string, holders: readonly Holder[], now: number): string {
  const since = holders[0]?.since?.getTime();
  const held = holders.length === 0 ? 'holder unknown' : `held by ${describeHolder(holders)}`;
  return printable(`waiting for ${name}, ${held}${since === undefined ? '' : ` for ${formatDuration(now - since)}`}`);
}
