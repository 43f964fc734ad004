import { readSync, writeSync } from 'node:fs';

/** What the pairs do under their locks: say so, and go on at the next line of the input. */
export function work(): void {
  writeSync(1, 'working\n');
  const byte = Buffer.alloc(1);
  while (readSync(0, byte) === 1 && byte.toString() !== '\n');
  writeSync(1, 'worked\n');
}
