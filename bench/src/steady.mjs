/** What is less than this part better than before is no improvement: a sample differs by as much from the next one. */
const notable = 0.1;

/**
 * Samples until it gets no better: a warm-up, of which nothing is recorded. V8 compiles what runs often, so a program in
 * JavaScript becomes faster by use, in steps, and one in Python does not. Both are sampled by this rule.
 *
 * It ends after `patience` samples in a row of which none is better by a tenth than the best before them. It ends in any
 * case after `most` samples, or `ms` milliseconds; the answer is whether it got steady before that.
 */
export async function untilSteady(sample, { better, patience, most, ms = Number.POSITIVE_INFINITY }) {
  const end = performance.now() + ms;
  const improves = (value, mark) => (better === 'less' ? value < mark * (1 - notable) : value > mark * (1 + notable));
  let mark;
  let since = 0;
  for (let count = 0; count < most && performance.now() < end; count += 1) {
    const value = await sample();
    // The mark stays where it is until it is passed clearly, so that many small steps are not overlooked.
    const isBetter = mark === undefined || improves(value, mark);
    if (isBetter) mark = value;
    since = isBetter ? 0 : since + 1;
    if (since >= patience) return true;
  }
  return false;
}

/**
 * Warms up contestants, by subject, that take a lock alone: all together as they are, and then each as it is measured,
 * by `sample`, while the others rest. `unsteady` hears of those that did not get steady.
 */
export async function warmUp(contestants, sample, unsteady) {
  await Promise.all([...contestants.values()].map(({ ask }) => ask('warm')));
  for (const subject of contestants.keys()) {
    const steady = await untilSteady(() => sample(subject), { better: 'less', patience: 2, most: 8 });
    if (!steady) unsteady(subject);
  }
}
