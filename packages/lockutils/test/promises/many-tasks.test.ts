import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { contenderPool } from '../support/contender-pool.js';
import { lockDirectory } from '../support/lock-directory.js';
import { testProperty } from '../support/property-test.js';

const { contender, all } = contenderPool(3);

/** The tasks of one process: each locks `rounds` times, for an empty body, some microtasks, or a turn of the event loop. */
interface Crowd {
  readonly tasks: readonly { readonly fair: boolean; readonly hold: 'empty' | 'microtasks' | 'turn' }[];
  readonly rounds: number;
}

// Runs in a contender. A second holder would find the witness, or lose what it counts.
const body = `
  const { openSync, closeSync, unlinkSync, readFileSync, writeFileSync, appendFileSync } = await import('node:fs');
  const deaths = [];
  const section = async (task, hold, held) => {
    if (held.previousOwnerDied) deaths.push(task);
    closeSync(openSync(directory + '/witness', 'wx'));
    const count = Number(readFileSync(directory + '/count', 'utf8'));
    if (hold === 'microtasks') for (let i = 0; i < 3; i += 1) await undefined;
    if (hold === 'turn') await new Promise((resolve) => setImmediate(resolve));
    writeFileSync(directory + '/count', String(count + 1));
    appendFileSync(directory + '/order', process.pid + ' ' + task + '\\n');
    unlinkSync(directory + '/witness');
  };
  await Promise.all(crowd.tasks.map(async ({ fair, hold }, task) => {
    for (let round = 0; round < crowd.rounds; round += 1) {
      await lock('x', { external: true, lockPath: directory, fair }, (lock) => section(task, hold, lock));
    }
  }));
  return deaths;`;

const crowds: fc.Arbitrary<Crowd[]> = fc.array(
  fc.record({
    tasks: fc.array(
      fc.record({
        fair: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
        hold: fc.constantFrom('empty' as const, 'empty' as const, 'microtasks' as const, 'turn' as const),
      }),
      { minLength: 1, maxLength: 20 },
    ),
    rounds: fc.integer({ min: 1, max: 10 }),
  }),
  { minLength: 2, maxLength: 3 },
);

testProperty([crowds], { numRuns: Number(process.env.FC_RUNS ?? 6) })(
  'G9 G10 G27 tasks of several processes that want one lock hold it one at a time, each process serves its tasks in order, and all come to an end',
  async (drawn) => {
    using directory = lockDirectory();
    const path = directory.path;
    writeFileSync(join(path, 'count'), '0');
    const code = (crowd: Crowd) =>
      `const directory = ${JSON.stringify(path)}; const crowd = ${JSON.stringify(crowd)};${body}`;
    const deaths = await Promise.all(drawn.map((crowd, n) => contender(n).ask('run', { code: code(crowd) })));
    expect(deaths).toEqual(drawn.map(() => []));
    const sections = drawn.reduce((sum, { tasks, rounds }) => sum + tasks.length * rounds, 0);
    expect(readFileSync(join(path, 'count'), 'utf8')).toBe(String(sections));
    const lines = readFileSync(join(path, 'order'), 'utf8').trim().split('\n');
    for (const [n, { tasks }] of drawn.entries()) {
      const own = lines
        .filter((line) => line.startsWith(`${contender(n).pid} `))
        .map((line) => Number(line.split(' ')[1]));
      expect(own.slice(0, tasks.length)).toEqual(tasks.map((_, task) => task));
    }
  },
);

it('G27 tasks of one process that never pause do not keep the lock from another process', async () => {
  using directory = lockDirectory();
  const [crowded, waiting] = all();
  const options = { external: true, lockPath: directory.path };
  const code = `
    const options = ${JSON.stringify(options)};
    let ended = false;
    process.on('message', ({ action }) => { ended ||= action === 'idle'; });
    await Promise.all(Array.from({ length: 20 }, async () => {
      for (let round = 0; !ended; round += 1) {
        await lock('x', options, () => {});
        if (round % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    }));`;
  const crowd = crowded?.ask('run', { code });
  for (let round = 0; round < 5; round += 1) {
    await waiting?.acquire('x', options);
    await waiting?.release('x');
  }
  void crowded?.ask('idle');
  await crowd;
});
