// One bookkeeper between machines, a process of its own: until the time is up it acquires the lease, reads the ledger's
// total, and books under the fence. It starts at the first line on stdin and ends with stdin, as bookkeeper.mjs does.
import { setTimeout as sleep } from 'node:timers/promises';
import { lease } from '@oslo-concurrency/lockutils';
import { engines } from './engines.mjs';

const { who, task, engine, url, seconds, hold } = JSON.parse(process.argv[2]);
const store = await engines[engine].open(url);
const result = { who, grants: 0, booked: 0, refused: 0, longestWait: 0 };

async function book(held, step, asked) {
  result.grants += 1;
  result.longestWait = Math.max(result.longestWait, performance.now() - asked);
  const { lines, total } = await store.read(held);
  if (hold > 0) await sleep(hold);
  const amount = 1 + ((step * 7 + task) % 9);
  try {
    await store.write(held, { lines: lines + 1, total: total + amount });
    result.booked += amount;
  } catch (error) {
    // Late: the engine has kept the ledger from a booking that would have undone another one.
    if (!held.signal.aborted && !/late|fence/i.test(`${error.name} ${error.message}`)) throw error;
    result.refused += 1;
  }
}

async function work() {
  const end = performance.now() + seconds * 1000;
  for (let step = 0; performance.now() < end; step++) {
    const asked = performance.now();
    await lease('ledger', { driver: store.driver, ttl: 5000 }, (held) => book(held, step, asked));
    console.log(JSON.stringify({ grants: result.grants }));
  }
  console.log(JSON.stringify({ done: result }));
}

process.stdin.on('end', () => process.exit(1));
process.stdin.once('data', async () => {
  await work();
  await store.close();
  process.exit(0);
});
console.log(JSON.stringify({ ready: who }));
