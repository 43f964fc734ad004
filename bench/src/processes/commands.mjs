import { interleave } from '../interleave.mjs';
import { contestantOf, present, rowsOf, subjects } from '../subjects.mjs';

const plain = ['spawn', 'ours execute', 'execa', 'execFile', 'tinyexec', 'subprocess', 'oslo execute'];
const limited = ['spawn', 'ours execute', 'ours execute limited', 'oslo execute', 'oslo execute limited'];
const reference = 'spawn';
const retried = ['spawn', 'ours execute retried', 'oslo execute retried'];

/** The shortest command there is: what running any command costs. */
export const commands = {
  id: 'processes.commands',
  group: 'processes',
  seconds: { full: 42, quick: 18 },
  async run(context) {
    const cells = [
      { key: 'one', title: 'Run `true`', names: plain, file: 'true' },
      { key: 'eight', title: 'Run `true`, eight at once (time a command)', names: plain, file: 'true', atOnce: 8 },
      { key: 'limits', title: 'Run `true` under resource limits', names: limited, file: 'true' },
      { key: 'retries', title: 'Run `false` three times, as one call', names: retried, file: 'false' },
    ];
    for (const [index, cell] of cells.entries()) {
      const progress = (part) => context.progress((index + part) / cells.length);
      const { key, title } = cell;
      const rows = rowsOf(await measure(context, cell, progress));
      context.record({ id: `processes.commands.${key}`, title, unit: 'ms', better: 'less', reference, rows });
    }
  },
};

async function measure(context, { names, file, atOnce = 1 }, progress) {
  const found = await present(context, names);
  const rounds = context.quick ? 3 : { least: 6, most: 8, reference };
  // Two turns of those that run at once; one after the other, enough that one slow command does not make the sample.
  const times = atOnce === 1 ? 6 : 2 * atOnce;
  const crews = new Map();
  try {
    for (const name of found) crews.set(name, crewOf(context, name, atOnce));
    const ask = (subject) => crews.get(subject).run(file, times);
    // The first commands compile; they are not counted.
    await Promise.all(found.map((subject) => ask(subject)));
    return await interleave(found, rounds, ask, { progress });
  } finally {
    await Promise.all([...crews.values()].map((crew) => crew.end()));
  }
}

/**
 * Who runs `atOnce` commands at a time: in Node one process; in Python as many, since commands in threads hang now
 * and then there (a fork with `preexec_fn` beside other threads).
 */
function crewOf(context, subject, atOnce) {
  const many = subjects[subject].program.endsWith('.py') ? atOnce : 1;
  const crew = Array.from({ length: many }, () => contestantOf(context, subject));
  return {
    async run(file, times) {
      const start = performance.now();
      await Promise.all(crew.map(({ ask }) => ask('commands', { file, times: times / many, atOnce: atOnce / many })));
      return (performance.now() - start) / times;
    },
    end: () => Promise.all(crew.map(({ contestant }) => contestant.kill())),
  };
}
