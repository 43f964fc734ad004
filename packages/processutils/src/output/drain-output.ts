import { realTime } from '@oslo-concurrency/core';
import { patience, within } from '../system/patience.js';
import type { OutputReader } from './output-reader.js';

// More than a pipe holds: what comes after so much was written after the command had ended.
const pipeful = 4 * 1024 * 1024;

/**
 * Waits for the end of the output, `limit` ms at most, then for a moment in which there is nothing to read.
 *
 * Whatever the command wrote before it ended is in the pipe when its end is reported, and is read before what others
 * who hold the pipe write later: a turn of the event loop that brings nothing, or a pipeful, proves that it has come.
 * A stream that takes the output slowly is waited for, unless the command had to be ended and its time is up.
 */
export async function drainOutput(readers: readonly OutputReader[], limit: number, heldToo: boolean): Promise<void> {
  const allClosed = Promise.all(readers.map(({ closed }) => closed)).then(() => 'closed');
  if ((await within(limit, allClosed)) !== undefined) return;
  const received = (): number => readers.reduce((sum, reader) => sum + reader.received, 0);
  const before = received();
  for (let last = -1, quiet = 0; quiet < 2 && received() - before < pipeful; ) {
    const held = heldToo && readers.some((reader) => reader.held);
    await (held ? patience(5, undefined) : realTime.turn());
    quiet = received() === last && !held ? quiet + 1 : 0;
    last = received();
  }
}
