/** What is less than this part better than before is no improvement: a sample differs by as much from the next one. */
const notable = 0.1;

/**
 * Tells of each sample that it is given whether the subject is steady: whether none of the last `patience` samples is
 * better by a tenth than the best before them. V8 compiles what runs often, so a program in JavaScript becomes faster by
 * use, in steps, and one in Python does not. Both are sampled by this rule.
 */
export function steadiness({ better, patience }) {
  const improves = (value, mark) => (better === 'less' ? value < mark * (1 - notable) : value > mark * (1 + notable));
  let mark;
  let since = 0;
  return (value) => {
    // The mark stays where it is until it is passed clearly, so that many small steps are not overlooked.
    const isBetter = mark === undefined || improves(value, mark);
    if (isBetter) mark = value;
    since = isBetter ? 0 : since + 1;
    return since >= patience;
  };
}

/**
 * Samples until the subject is steady, by {@link steadiness}: a warm-up, of which nothing is recorded. It ends in any case
 * after `most` samples, or `ms` milliseconds; the answer is whether it got steady before that.
 */
export async function untilSteady(sample, { most, ms = Number.POSITIVE_INFINITY, ...rule }) {
  const end = performance.now() + ms;
  const isSteady = steadiness(rule);
  for (let count = 0; count < most && performance.now() < end; count += 1) {
    if (isSteady(await sample())) return true;
  }
  return false;
}

/**
 * The same for several subjects that are sampled in turns, each until all are steady: so none of them is idle for long
 * before it is measured. Of 32 processes that were warm and then idle for 25 s, a lock was granted half as often for some
 * seconds. The answer is those that did not get steady in `most` rounds.
 */
export async function untilAllSteady(subjects, sample, { most, ...rule }) {
  const rules = new Map(subjects.map((subject) => [subject, steadiness(rule)]));
  let left = new Set(subjects);
  for (let round = 0; round < most && left.size > 0; round += 1) {
    const before = left;
    left = new Set();
    for (const subject of subjects) {
      const isSteady = rules.get(subject)(await sample(subject, round));
      if (!isSteady && before.has(subject)) left.add(subject);
    }
  }
  return [...left];
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
