import { readFileSync } from 'node:fs';

/**
 * Goes through a ledger line by line. `broken` counts bookings whose total does not build on the line before;
 * `booked` is what all bookings add up to, `total` what the ledger says in its last line: the difference is lost.
 */
export function audit(path) {
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  let [before, booked, broken] = [0, 0, 0];
  for (const line of lines) {
    const [, amount, total] = line.split(',').map(Number);
    if (total !== before + amount) broken += 1;
    booked += amount;
    before = total;
  }
  return { lines: lines.length, booked, total: before, broken };
}
