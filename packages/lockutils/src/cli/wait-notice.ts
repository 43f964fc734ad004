import { type Clock, systemClock } from '@oslo-concurrency/core';
import type { Holder } from '../owner/holder.js';
import { describeHolder, printable } from './describe-holder.js';
import { formatDuration } from './duration.js';

/** Where the notice goes; `process.stderr` fits. */
export interface NoticeOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Milliseconds until the first notice, and from one to the next. */
export interface NoticePeriod {
  readonly first: number;
  readonly every: number;
}

/** A terminal is told at once and kept up to date; a log gets a line now and then, and none for a short wait. */
export const noticePeriods: { readonly terminal: NoticePeriod; readonly log: NoticePeriod } = {
  terminal: { first: 200, every: 1000 },
  log: { first: 1000, every: 30_000 },
};

const clearLine = '\r\u001b[2K';

/**
 * Tells a person for whom a command waits: on a terminal one line that is kept up to date and cleared at the end,
 * elsewhere a line from time to time. Returns how to end it; afterwards nothing is written any more.
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
  let ended = false;
  let shown = false;
  let cancel = clock.schedule(first, () => void tell());
  const tell = async (): Promise<void> => {
    const text = waitText(name, await holders().catch(() => []), Date.now());
    if (ended) return;
    // A line that wraps could not be cleared again. A terminal nobody has sized says 0.
    output.write(live ? clearLine + cut(text, (output.columns || 80) - 1) : `lockutils: ${text}\n`);
    shown = true;
    cancel = clock.schedule(every, () => void tell());
  };
  return () => {
    if (ended) return;
    ended = true;
    cancel();
    if (live && shown) output.write(clearLine);
  };
}

/** `waiting for NAME, held by pid 4242 (node deploy.js) on HOST for 12 s` */
export function waitText(name: string, holders: readonly Holder[], now: number): string {
  const since = holders[0]?.since?.getTime();
  const held = holders.length === 0 ? 'holder unknown' : `held by ${describeHolder(holders)}`;
  return printable(`waiting for ${name}, ${held}${since === undefined ? '' : ` for ${formatDuration(now - since)}`}`);
}

function cut(text: string, width: number): string {
  const characters = Array.from(text);
  return characters.length <= width ? text : `${characters.slice(0, Math.max(0, width - 1)).join('')}…`;
}
