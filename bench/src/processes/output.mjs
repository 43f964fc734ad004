import { interleave } from '../interleave.mjs';
import { present, rowsOf, withContestants } from '../subjects.mjs';

const names = ['spawn', 'ours execute', 'execa', 'execFile', 'tinyexec', 'subprocess', 'oslo execute'];
const streaming = ['spawn', 'ours execute', 'execa', 'subprocess'];
const million = 1_000_000;

/** Output that is captured, as text, up to 200 MB. */
export const output = {
  id: 'processes.output',
  group: 'processes',
  seconds: { full: 60, quick: 8 },
  async run(context) {
    const found = await present(context, names);
    const sizes = context.quick ? [1000, 20 * million] : [1000, 100_000, million, 20 * million, 200 * million];
    const rows = [];
    for (const [index, bytes] of sizes.entries()) {
      const rounds = context.quick ? 3 : bytes > million ? 4 : 8;
      // Each sample in a process of its own: what one leaves in memory makes the next fork slower.
      const samples = await interleave(
        found,
        rounds,
        (subject) => fresh(context, subject, 'capture', { bytes, binary: false }),
        (part) => context.progress((index + part) / sizes.length),
      );
      rows.push(...rowsOf(samples, { bytes }));
    }
    context.record({
      id: 'processes.output',
      title: 'Capture the output of `head -c BYTES /dev/zero` as text',
      unit: 'ms',
      better: 'less',
      reference: 'spawn',
      rows,
    });
  },
};

/** Output that is streamed through: how fast, and how much memory it takes. */
export const streamed = {
  id: 'processes.stream',
  group: 'processes',
  seconds: { full: 36, quick: 6 },
  async run(context) {
    const found = await present(context, streaming);
    const bytes = context.quick ? 200 * million : 2000 * million;
    const results = await interleave(
      found,
      context.quick ? 2 : 3,
      (subject) => fresh(context, subject, 'stream', { bytes }),
      context.progress,
    );
    const figure = (id, title, unit, better, key) => {
      const samples = new Map([...results].map(([subject, all]) => [subject, all.map((one) => one[key])]));
      context.record({ id, title, unit, better, reference: 'spawn', rows: rowsOf(samples, { bytes }) });
    };
    figure('processes.stream.rate', 'Stream output through', 'MB/s', 'more', 'rate');
    figure('processes.stream.peak', 'Peak memory while streaming', 'MB', 'less', 'peakMb');
  },
};

// A first small one loads and compiles.
function fresh(context, subject, op, request) {
  return withContestants(context, [subject], async (contestants) => {
    const { ask } = contestants.get(subject);
    await ask('probe');
    await ask(op, { ...request, bytes: 1000 });
    return ask(op, request);
  });
}
