// What each rung of docs/choosing.md costs, uncontended and from one process to another, all in one run:
//
//   node examples/one-line-switch/ladder.mjs --start etcd,postgres,redis     with servers that it starts on loopback
//   node examples/one-line-switch/ladder.mjs --on redis://127.0.0.1:6379     with servers of yours; may be repeated
//
// Rounds of the rungs are interleaved, so that a busy moment of the machine falls on all of them; medians are printed.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { lease, lock } from '@oslo-concurrency/lockutils';
import { startEngine } from '../ledger/engines.mjs';
import { driverOn } from './hold-on.mjs';

const { values } = parseArgs({
  options: {
    start: { type: 'string' },
    on: { type: 'string', multiple: true, default: [] },
    holder: { type: 'string' },
  },
});
const ttl = 5000;
const now = () => Number(process.hrtime.bigint()) / 1e6;

/** How to hold a name on a rung: what `where` says of it, so that another process can do the same. */
function holdOn({ driver, lockPath, url }) {
  if (url !== undefined) {
    const leases = driverOn(url);
    return {
      hold: (name, fn) => lease(name, { driver: leases, ttl }, fn),
      close: async () => leases.close?.(),
    };
  }
  const options = lockPath === undefined ? {} : { external: true, driver, lockPath };
  return { hold: (name, fn) => lock(name, options, fn), close: async () => {} };
}

if (values.holder !== undefined) {
  // The other process: holds at each request, says so, and releases when told, noting when.
  const { hold, close } = holdOn(JSON.parse(values.holder));
  const message = async () => (await once(process, 'message'))[0];
  while ((await message()) === 'hold') {
    await hold('passed-on', async () => {
      process.send('held');
      await message();
      process.send({ released: now() });
    });
  }
  await close();
  process.exit();
}

const folder = mkdtempSync(join(tmpdir(), 'ladder-'));
const inFolder = (name) => {
  mkdirSync(join(folder, name));
  return join(folder, name);
};
const started = [];
for (const name of values.start?.split(',') ?? []) started.push([name, await startEngine(name, inFolder(name))]);

/** Of each rung: where it is, and how often it is held in one round. */
const rungs = [
  { rung: 'internal', times: 2000, where: {} },
  { rung: 'kernel', times: 500, where: { driver: 'kernel', lockPath: inFolder('kernel') } },
  { rung: 'lockfile', times: 100, where: { driver: 'lockfile', lockPath: inFolder('lockfile') } },
  { rung: 'shared files', times: 20, where: { url: pathToFileURL(inFolder('shared')).href } },
  ...started.map(([rung, { url }]) => ({ rung, times: 20, where: { url: url.replace(/^http:/, 'etcd:') } })),
  ...values.on.map((url) => ({ rung: new URL(url).protocol.slice(0, -1), times: 20, where: { url } })),
].map((one) => ({ ...one, ...holdOn(one.where), cycles: [], handovers: [] }));

const median = (numbers) => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
for (let round = 0; round < 15; round++) {
  for (const { times, hold, cycles } of rungs) {
    const begun = now();
    for (let n = 0; n < times; n++) await hold('alone', () => {});
    // The first round opens what is opened once.
    if (round > 0) cycles.push((now() - begun) / times);
  }
}

const between = rungs.filter(({ rung }) => rung !== 'internal');
for (const one of between) {
  one.other = fork(fileURLToPath(import.meta.url), ['--holder', JSON.stringify(one.where)]);
}
for (let round = 0; round < 30; round++) {
  for (const { other, hold, handovers } of between) {
    other.send('hold');
    await once(other, 'message');
    const waiting = hold('passed-on', now);
    // Long enough for the wait to be one.
    await new Promise((passed) => setTimeout(passed, 30));
    other.send('release');
    const [{ released }] = await once(other, 'message');
    const granted = await waiting;
    if (round > 0) handovers.push(granted - released);
  }
}
for (const { other } of between) {
  other.send('end');
  await once(other, 'exit');
}

console.table(
  Object.fromEntries(
    rungs.map(({ rung, cycles, handovers }) => [
      rung,
      {
        'acquire and release, us': Number((median(cycles) * 1000).toFixed(1)),
        'hand over to another process, ms': handovers.length > 0 ? Number(median(handovers).toFixed(2)) : undefined,
      },
    ]),
  ),
);
console.log(`load of the last minute: ${loadavg()[0].toFixed(1)}`);
for (const { close } of rungs) await close();
for (const [, { stop }] of started) await stop();
rmSync(folder, { recursive: true, force: true });
