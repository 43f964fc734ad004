import { expect } from 'vitest';

/**
 * Expects that `work` takes a time that grows with its size alone, not with the square of it.
 *
 * It begins with a size whose time can be measured. At 32 times that size, linear work takes 32 times as long, and quadratic
 * work 1,024 times. A processor that is shared with others may make one of the two six times slower; that is still told
 * from a square.
 */
export function expectLinear(work: (size: number) => void): void {
  const took = (size: number): number => processorTime(() => work(size));
  let size = 31_250;
  while (took(size) < 3) size *= 2;
  const bound = 6 * 32 * Math.max(1, Math.min(took(size), took(size), took(size)));
  const large = took(32 * size);
  // Something else may have had the processor: what is linear is so at the second look.
  expect(large < bound ? large : took(32 * size)).toBeLessThan(bound);
}

/** How many ms of a processor `work` takes. */
export function processorTime(work: () => void): number {
  const start = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}
