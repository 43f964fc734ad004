/**
 * Takes one sample of each subject a round, in an order that turns by one each round, so that no subject always comes
 * after the same one or in the same weather. Gives the samples of each, by round. `progress` hears the part done.
 */
export async function interleave(subjects, rounds, sample, progress = () => {}) {
  const samples = new Map(subjects.map((subject) => [subject, []]));
  let done = 0;
  for (let round = 0; round < rounds; round += 1) {
    for (let i = 0; i < subjects.length; i += 1) {
      const subject = subjects[(i + round) % subjects.length];
      samples.get(subject).push(await sample(subject, round));
      done += 1;
      progress(done / (rounds * subjects.length));
    }
  }
  return samples;
}
