import { Buffer } from 'node:buffer';
import { closeSync, openSync, readSync } from 'node:fs';

/** What {@link readProcLocks} found. */
export interface ProcLocks {
  /** Lines as the kernel writes them, without their numbers. */
  readonly lines: readonly string[];
  /**
   * Whether it is the state of one moment. If not, no exclusive lock is there twice, and hardly ever is one missing that
   * was held all the time; but some may have been released while it was read, and shared ones may count for too many.
   */
  readonly exact: boolean;
}

// The kernel gives one page at a time, in whole records: a lock with those who wait for it.
const page = 4096;
const chunk = Buffer.alloc(4 * page);
const mostReadings = 12;

/**
 * Reads `/proc/locks`, which no program can read in one moment when it is longer than a page.
 *
 * Each read(2) is one moment, but continues at the *number* of the line where the one before it ended. Locks that were
 * taken meanwhile shift the lines, so that some come twice, even at the end of a short table, where the read that should
 * find nothing finds the last lines again; locks that were given back make it skip some. With locks coming and going all
 * the time nine of ten readings of 40 lines had lines twice, and a hundred lines were seldom complete.
 *
 * So a table that fits into half a page, which leaves room for any record that is no crowd by itself, is what the first
 * read gave. A longer one is read again and again, until three readings in turn bring no line that was not known.
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

/** Adds the lines of one reading, each as often as in the reading that had it most; says whether that was news. */
function learn(known: Map<string, number>, text: string): boolean {
  const times = new Map<string, number>();
  for (const line of linesOf(text)) {
    // Of one kind and place an exclusive lock is one.
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
