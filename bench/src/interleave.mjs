import { ratio, summary, uncertainty } from './statistics.mjs';

/** Once a median is known to within this part of itself, more rounds would not change what is read from it. */
const near = 0.04;
/** The same where a sample takes seconds: the differences told there are of tenths and more. */
export const roughly = 0.1;

/**
 * Takes one sample of each subject a round, in an order that turns by one each round, so that no subject always comes
 * after the same one or in the same weather. Gives the samples of each, by round.
 *
 * `rounds` is a number, or `{ least, most, within }`: after the least a subject whose median is known to `within` a part
 * of itself, 4 % by default, is asked no more. With a `reference` that is the median of the ratios to it; the reference goes on as long as any other does, so
 * that sample n of two subjects is always of one round. `by` finds the number in a sample.
 *
 * `before` hears, ahead of each round, who will be asked in it. `progress` hears the part done.
 */
export async function interleave(subjects, rounds, sample, { progress = () => {}, before = () => {} } = {}) {
  const plan = typeof rounds === 'number' ? { least: rounds, most: rounds } : rounds;
  const samples = new Map(subjects.map((subject) => [subject, []]));
  let [asked, left] = [subjects, subjects.length * plan.most];
  for (let round = 0; round < plan.most && asked.length > 0; round += 1) {
    await before(asked);
    for (let i = 0; i < asked.length; i += 1) {
      const subject = asked[(i + round) % asked.length];
      samples.get(subject).push(await sample(subject, round));
      left -= 1;
      progress(1 - left / (subjects.length * plan.most));
    }
    if (round + 1 >= plan.least) asked = open(asked, samples, plan);
    left = asked.length * (plan.most - round - 1);
  }
  return samples;
}

/** Those who have to be asked again: whose median is not known yet, and the reference for as long as there are any. */
function open(asked, samples, { reference, by = itself, within = near }) {
  const numbers = (subject) => samples.get(subject).map(by);
  const known = (subject) => {
    if (!asked.includes(reference)) return uncertainty(summary(numbers(subject))) <= within;
    const found = ratio(numbers(subject), numbers(reference));
    return found !== undefined && uncertainty(found) <= within;
  };
  const unknown = asked.filter((subject) => subject !== reference && !known(subject));
  if (unknown.length === 0) return [];
  return asked.filter((subject) => subject === reference || unknown.includes(subject));
}

const itself = (sample) => sample;
