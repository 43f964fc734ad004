// `npm run quickstart -- --engine postgres`: the ledger lies in an engine that this starts, and the bookkeepers could work on
// different machines. Their lease can be lost; the engine refuses what comes too late.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lease } from '@oslo-concurrency/lockutils';
import Table from 'cli-table3';
import { engines, startEngine } from './engines.mjs';
import { runRound } from './round.mjs';

export async function keepOnEngine({ engine, processes, seconds, hold }) {
  const folder = mkdtempSync(join(tmpdir(), 'ledger-'));
  mkdirSync(join(folder, engine));
  const { url, stop } = await startEngine(engine, join(folder, engine));
  const store = await engines[engine].open(url);
  try {
    console.log(
      `\n1. ${processes} Node processes keep one ledger in ${engine} at ${url}, under lease('ledger', ...):\n`,
    );
    const order = { engine, url, seconds, hold, onGrants() {} };
    const results = await runRound({ ...order, processes, pythons: 0, program: 'lease-bookkeeper.mjs' });
    const table = new Table({ head: ['process', 'grants', 'longest wait'], style: { head: [], border: [] } });
    for (const { who, grants, longestWait } of results) {
      table.push([
        who,
        { content: grants, hAlign: 'right' },
        { content: `${longestWait.toFixed(1)} ms`, hAlign: 'right' },
      ]);
    }
    console.log(table.toString());
    const claimed = results.reduce((sum, { booked }) => sum + booked, 0);
    const { lines, total } = await lease('ledger', { driver: store.driver, ttl: 5000 }, (held) => store.read(held));
    console.log(`   ${lines} bookings. The processes say they booked ${claimed}; the ledger's total is ${total}.`);
    const right = claimed === total;
    console.log(`   ${right ? 'Right: nothing was lost.' : 'WRONG.'}`);

    console.log('\n2. A holder is blocked for longer than its lease lasts; another one books; then it books too:\n');
    const late = await writeLate(store);
    console.log(`   ${late}\n`);
    return right && late.startsWith('Refused') ? 0 : 1;
  } finally {
    await store.close();
    await stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const ttl = 2000;

// Nothing of this process runs in the meantime, so the lease is not renewed, as on a machine that sleeps.
const blockFor = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

async function writeLate(store) {
  const held = await lease('ledger', { driver: store.driver, ttl });
  const before = await store.read(held);
  blockFor(2 * ttl);
  await lease('ledger', { driver: store.driver, ttl }, async (next) => {
    const { lines, total } = await store.read(next);
    await store.write(next, { lines: lines + 1, total: total + 1 });
  });
  try {
    await store.write(held, before);
    return 'WRONG: it has undone the booking of its successor.';
  } catch (error) {
    return `Refused, ${error.name}: ${error.message}`;
  } finally {
    await held.release().catch(() => {});
  }
}
