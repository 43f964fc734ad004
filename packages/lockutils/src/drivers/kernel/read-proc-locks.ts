import { Buffer } from 'node:buffer';
import { closeSync, openSync, readSync } from 'node:fs';

// Longer than what the kernel gives at a time, which is one page.
const chunk = Buffer.alloc(16_384);

// Of a table of one page almost every reading is whole; of a longer one none is.
const mostReadings = 12;
const page = 4096;
const enough = 3;

/**
 * The text of `/proc/locks`, as if it had been read in one moment.
 *
 * It cannot be: each read(2) gives one page at most, and continues at the *number* of the line where the last one ended.
 * Locks that were taken meanwhile shift the lines, so that some come twice, even at the end of a short table, where the
 * read that should find nothing finds the last lines again; locks that were given back make it skip some. With locks
 * coming and going all the time, nine of ten readings of 40 lines had lines twice.
 *
 * So: a reading whose first read is followed by an empty one was one moment, and is taken. Of a table that is never read
 * so, three readings are compared, and each line comes as often as in the middle one of them: a lock that was held all
 * the time is missing, or is there twice, only if that happened to it two times of three. Exclusive ones are never twice.
 */
export function readProcLocks(): string {
  const readings: string[][] = [];
  while (readings.length < mostReadings) {
    const { text, whole, long } = readOnce();
    if (whole) return text;
    readings.push(withoutNumbers(text));
    if (long && readings.length >= enough) break;
  }
  return medianOf(readings.slice(-enough))
    .map((line, index) => `${index + 1}: ${line}`)
    .join('\n');
}

function readOnce(): { text: string; whole: boolean; long: boolean } {
  const fd = openSync('/proc/locks', 'r');
  try {
    const pieces: string[] = [];
    for (let bytes = -1; bytes !== 0; ) {
      bytes = readSync(fd, chunk, 0, chunk.length, null);
      pieces.push(chunk.toString('latin1', 0, bytes));
    }
    const long = (pieces[0]?.length ?? 0) > page / 2;
    return { text: pieces.join(''), whole: pieces.length <= 2, long };
  } finally {
    closeSync(fd);
  }
}

function withoutNumbers(text: string): string[] {
  const seen = new Set<string>();
  return text.split('\n').flatMap((numbered) => {
    const line = numbered.replace(/^\d+:\s*/, '');
    if (line === '' || (seen.has(line) && / WRITE /.test(line) && !line.startsWith('->'))) return [];
    seen.add(line);
    return [line];
  });
}

function medianOf(readings: readonly string[][]): string[] {
  const counts = readings.map((lines) => {
    const count = new Map<string, number>();
    for (const line of lines) count.set(line, (count.get(line) ?? 0) + 1);
    return count;
  });
  return [...new Set(readings.flat())].flatMap((line) => {
    const [, middle = 0] = counts.map((count) => count.get(line) ?? 0).sort((a, b) => a - b);
    return Array.from({ length: middle }, () => line);
  });
}
