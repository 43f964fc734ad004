import { max, median, min, quantile, sum } from 'simple-statistics';

/** Median and the middle half of samples: what a noisy neighbour pushes around least. */
export function summary(samples) {
  return {
    median: median(samples),
    low: quantile(samples, 0.25),
    high: quantile(samples, 0.75),
    count: samples.length,
  };
}

/**
 * How far the true median may be from the one of a summary, as a part of it: half the notch of a box plot (McGill, Tukey
 * and Larsen 1978), within which it lies 95 times of 100. It falls with more rounds; the middle half does not.
 */
export function uncertainty({ median: middle, low, high, count }) {
  return high === low ? 0 : (1.57 * (high - low)) / Math.sqrt(count) / Math.abs(middle);
}

/**
 * How `samples` stand to `reference`, round by round: both of one pair met the same weather on the machine, so their
 * ratio is steadier than either.
 */
export function ratio(samples, reference) {
  const rounds = Math.min(samples.length, reference.length);
  const ratios = Array.from({ length: rounds }, (_, round) => samples[round] / reference[round]);
  return ratios.every(Number.isFinite) && rounds > 0 ? summary(ratios) : undefined;
}

/** Jain's index: 1 when all have the same share, 1/n when one has everything. */
export function jain(shares) {
  const squares = sum(shares.map((share) => share * share));
  return squares === 0 ? 0 : sum(shares) ** 2 / (shares.length * squares);
}

export { max, median, min, quantile, sum };
