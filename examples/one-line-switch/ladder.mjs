// What each rung of docs/choosing.md costs, uncontended and from one process to another, all in one run:
//
//   node examples/one-line-switch/ladder.mjs [--etcd http://127.0.0.1:2379] [--postgres postgres://user@127.0.0.1/db]
//
// Rounds of the rungs are interleaved, so that a busy moment of the machine falls on all of them; medians are printed.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { lease, lock } from '@oslo-concurrency/lockutils';
import { lockfileLeaseDriver } from '@oslo-concurrency/lockutils/drivers';
import { etcdLeaseDriver } from '@oslo-concurrency/lockutils-etcd';
import { postgresLeaseDriver } from '@oslo-concurrency/lockutils-postgres';

const { values } = parseArgs({
  options: {
    etcd: { type: 'string' },
    postgres: { type: 'string' },
    folder: { type: 'string' },
    holder: { type: 'string' },
  },
});
const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'ladder-'));
/** The drivers of the engines that were asked for. */
const engines = {
  ...(values.etcd === undefined ? {} : { etcd: etcdLeaseDriver({ endpoints: values.etcd }) }),
  ...(values.postgres === undefined ? {} : { postgres: postgresLeaseDriver({ url: values.postgres }) }),
};

/** Of each rung: how to hold, and how often in one round. */
const rungs = {
  internal: { times: 2000, hold: (name, fn) => lock(name, {}, fn) },
  kernel: { times: 500 },
  lockfile: { times: 100 },
  'shared files': { times: 20, ttl: 5000 },
};
for (const [engine, driver] of Object.entries(engines)) {
  rungs[engine] = { times: 20, hold: (name, fn) => lease(name, { driver, ttl: 5000 }, fn) };
}
for (const rung of ['kernel', 'lockfile']) {
  rungs[rung].lockPath = mkdtempSync(join(folder, `${rung}-`));
  rungs[rung].hold = (name, fn) => lock(name, { external: true, driver: rung, lockPath: rungs[rung].lockPath }, fn);
}
rungs['shared files'].lockPath = mkdtempSync(join(folder, 'shared-files-'));
rungs['shared files'].hold = (name, fn) =>
  lease(name, { driver: lockfileLeaseDriver({ lockPath: rungs['shared files'].lockPath }), ttl: 5000 }, fn);

if (values.holder !== undefined) {
  // The other process: takes the lock at each request, tells so, and releases when told, noting when.
  const { rung, lockPath } = JSON.parse(values.holder);
  rungs[rung].lockPath = lockPath;
  for await (const [message] of on(process)) {
    if (message !== 'hold') break;
    await rungs[rung].hold('passed-on', async () => {
      process.send('held');
      await once(process, 'message');
      process.send({ released: Number(process.hrtime.bigint()) / 1e6 });
    });
  }
  process.exit();
}
async function* on(emitter) {
  for (;;) yield once(emitter, 'message').then((args) => args);
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
const cycles = Object.fromEntries(Object.keys(rungs).map((rung) => [rung, []]));
for (let round = 0; round < 15; round++) {
  for (const [rung, { times, hold }] of Object.entries(rungs)) {
    const begun = performance.now();
    for (let n = 0; n < times; n++) await hold('alone', () => {});
    cycles[rung].push((performance.now() - begun) / times);
  }
}
const handovers = {};
for (const rung of Object.keys(rungs).filter((name) => name !== 'internal')) {
  const lockPath = mkdtempSync(join(folder, 'shared-'));
  rungs[rung].lockPath = lockPath;
  const urls = Object.keys(engines).flatMap((engine) => [`--${engine}`, values[engine]]);
  const args = ['--folder', folder, '--holder', JSON.stringify({ rung, lockPath }), ...urls];
  const other = fork(fileURLToPath(import.meta.url), args);
  handovers[rung] = [];
  for (let n = 0; n < 30; n++) {
    other.send('hold');
    await once(other, 'message');
    const waiting = rungs[rung].hold('passed-on', () => Number(process.hrtime.bigint()) / 1e6);
    // Long enough for the wait to be one.
    await new Promise((passed) => setTimeout(passed, 30));
    other.send('release');
    const [{ released }] = await once(other, 'message');
    handovers[rung].push((await waiting) - released);
  }
  other.send('end');
  await once(other, 'exit');
}
console.table(
  Object.fromEntries(
    Object.keys(rungs).map((rung) => [
      rung,
      {
        'take and give back, us': Number((median(cycles[rung]) * 1000).toFixed(1)),
        'hand over to another process, ms': handovers[rung] && Number(median(handovers[rung]).toFixed(2)),
      },
    ]),
  ),
);
for (const driver of Object.values(engines)) await driver.close();
if (values.folder === undefined) rmSync(folder, { recursive: true, force: true });
