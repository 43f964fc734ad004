import { Buffer } from 'node:buffer';
import { closeSync, openSync, readSync } from 'node:fs';

/** The result of {@link readProcLocks}. */
export interface ProcLocks {
  /** The lines as the kernel writes them, without their numbers. */
  readonly lines: readonly string[];
  /**
   * Whether the lines are the state of one moment. If not, no exclusive lock appears twice, and a lock that was held
   * throughout is hardly ever missing. But some locks may have been released during the reading, and shared locks may
   * be counted too often.
   */
  readonly exact: boolean;
}

// The kernel returns one page at a time, in whole records: a lock with its waiters.
const page = 4096;
const chunk = Buffer.alloc(4 * page);
const mostReadings = 12;

/**
 * Reads `/proc/locks`. If it is longer than a page, no program can read it as of one moment.
 *
 * Each read(2) is one moment, but continues at the *number* of the line where the previous one ended. Locks acquired in
 * the meantime shift the lines, so that some appear twice, even at the end of a short table, where the read that should
 * find nothing finds the last lines again. Locks released in the meantime make it skip some. With constant changes,
 * nine of ten readings of 40 lines contained lines twice, and a hundred lines were seldom complete.
 *
 * So if a table fits into half a page, which leaves room for any record without an unusual number of waiters, the first
 * read is the result. A longer table is read repeatedly, until three consecutive readings bring no unknown line.
 */
export function readProcLocks(): ProcLocks {
  const known = new Map<string, number>();
  for (let reading = 0, stale = 0; reading < mostReadings && stale < 3; reading += 1) {
    const [first = '', ...more] = readOnce();
    if (first.length <= page / 2 && more.join('').length <= page / 2) return { lines: linesOf(first), exact: true };
    stale = learn(known, first + more.join('')) ? 0 : stale + 1;
  }
  const lines = [...known].flatMap(([line, times]) => Array.from({ length: times }, () => line));
  return { lines, exact: false };
}

function readOnce(): string[] {
  const fd = openSync('/proc/locks', 'r');
  try {
    const pieces: string[] = [];
    for (;;) {
      const bytes = readSync(fd, chunk, 0, chunk.length, null);
      if (bytes === 0) return pieces;
      pieces.push(chunk.toString('latin1', 0, bytes));
    }
  } finally {
    closeSync(fd);
  }
}

function linesOf(text: string): string[] {
  return text.split('\n').flatMap((line) => (line === '' ? [] : line.replace(/^\d+:\s*/, '')));
}

/**
 * Adds the lines of one reading, each as often as in the reading that contained it most often. Returns whether it added
 * anything.
 */
function learn(known: Map<string, number>, text: string): boolean {
  const times = new Map<string, number>();
  for (const line of linesOf(text)) {
    // An exclusive lock of one kind and place exists only once.
    times.set(line, line.startsWith('->') || / READ /.test(line) ? (times.get(line) ?? 0) + 1 : 1);
  }
  let news = false;
  for (const [line, count] of times) {
    if (count <= (known.get(line) ?? 0)) continue;
    known.set(line, count);
    news = true;
  }
  return news;
}
