import { freshContestants } from '../fresh.mjs';
import { interleave, roughly } from '../interleave.mjs';
import { present, rowsOf, withContestants } from '../subjects.mjs';

const names = ['spawn', 'ours execute', 'execa', 'execFile', 'tinyexec', 'subprocess', 'oslo execute'];
const streaming = ['spawn', 'ours execute', 'execa', 'subprocess'];
const reference = 'spawn';
const million = 1_000_000;

/** Output that is captured, as text, up to 200 MB. */
export const output = {
  id: 'processes.output',
  group: 'processes',
  seconds: { full: 62, quick: 9 },
  async run(context) {
    const found = await present(context, names);
    const sizes = context.quick ? [1000, 20 * million] : [1000, 100_000, million, 20 * million, 200 * million];
    const rows = [];
    for (const [index, bytes] of sizes.entries()) {
      const capture = bytes > million ? captureAfresh : captureAgain;
      const progress = (part) => context.progress((index + part) / sizes.length);
      rows.push(...rowsOf(await capture({ ...context, progress }, found, bytes), { bytes }));
    }
    context.record({
      id: 'processes.output',
      title: 'Capture the output of `head -c BYTES /dev/zero` as text',
      unit: 'ms',
      better: 'less',
      reference,
      rows,
    });
  },
};

// A large sample has a process of its own: what one leaves in memory makes the next fork slower.
function captureAfresh(context, found, bytes) {
  const fresh = freshContestants(context, makeReady);
  const sample = (subject) => fresh.once(subject, ({ ask }) => ask('capture', { bytes, binary: false }));
  const rounds = context.quick ? 2 : { least: 2, most: 3, reference, within: roughly };
  return interleave(found, rounds, sample, { progress: context.progress, before: fresh.before });
}

function captureAgain(context, found, bytes) {
  return withContestants(context, found, async (contestants) => {
    await Promise.all([...contestants.values()].map(({ ask }) => makeReady(ask)));
    const sample = (subject) => contestants.get(subject).ask('capture', { bytes, binary: false });
    const rounds = context.quick ? 3 : { least: 8, most: 12, reference };
    return interleave(found, rounds, sample, { progress: context.progress });
  });
}

// A first small command loads and compiles.
async function makeReady(ask) {
  await ask('probe');
  await ask('capture', { bytes: 1000, binary: false });
}

/** Output that is streamed through: how fast, and how much memory it takes. */
export const streamed = {
  id: 'processes.stream',
  group: 'processes',
  seconds: { full: 28, quick: 5 },
  async run(context) {
    const found = await present(context, streaming);
    const bytes = context.quick ? 200 * million : 2000 * million;
    const fresh = freshContestants(context, async (ask) => {
      await ask('probe');
      await ask('stream', { bytes: 1000 });
    });
    const sample = (subject) => fresh.once(subject, ({ ask }) => ask('stream', { bytes }));
    const rounds = context.quick ? 2 : { least: 2, most: 3, reference, within: roughly, by: ({ rate }) => rate };
    const results = await interleave(found, rounds, sample, { progress: context.progress, before: fresh.before });
    const figure = (id, title, unit, better, key) => {
      const samples = new Map([...results].map(([subject, all]) => [subject, all.map((one) => one[key])]));
      context.record({ id, title, unit, better, reference, rows: rowsOf(samples, { bytes }) });
    };
    figure('processes.stream.rate', 'Stream output through', 'MB/s', 'more', 'rate');
    figure('processes.stream.peak', 'Peak memory while streaming', 'MB', 'less', 'peakMb');
  },
};
