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
