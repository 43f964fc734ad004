// One bookkeeper, a process of its own: until the time is up it takes the lock, reads the ledger's last total, and
// appends a booking that builds on it. It starts at the first line on stdin and ends with stdin, so it never outlives
// who started it.
import { appendFileSync, closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { HistoryFile } from '@oslo-concurrency/fixture';
import { lock } from '@oslo-concurrency/lockutils';

const { who, task, ledger, lockPath, history: path, seconds, hold, fair, locked } = JSON.parse(process.argv[2]);
const history = new HistoryFile(path);
const tell = (kind, step) => history.append({ contender: who, task, step, kind, name: 'ledger' });
const result = { who, language: 'Node', grants: 0, booked: 0, longestWait: 0 };

/** The total in the last line; 0 of an empty ledger. */
function lastTotal() {
  const fd = openSync(ledger, 'r');
  try {
    const tail = Buffer.alloc(256);
    const from = Math.max(0, fstatSync(fd).size - tail.length);
    const text = tail.toString('utf8', 0, readSync(fd, tail, 0, tail.length, from));
    return Number(text.trimEnd().split(/[\n,]/).at(-1));
  } finally {
    closeSync(fd);
  }
}

async function book(step, asked) {
  tell('enter', step);
  result.grants += 1;
  result.longestWait = Math.max(result.longestWait, performance.now() - asked);
  const total = lastTotal();
  if (hold > 0) await sleep(hold);
  const amount = 1 + ((step * 7 + task) % 9);
  appendFileSync(ledger, `${who},${amount},${total + amount}\n`);
  result.booked += amount;
  tell('leave', step);
}

async function work() {
  const end = performance.now() + seconds * 1000;
  for (let step = 0; performance.now() < end; step++) {
    const asked = performance.now();
    tell('wait', step);
    if (locked) await lock('ledger', { external: true, lockPath, fair }, () => book(step, asked));
    else await book(step, asked);
    tell('released', step);
    // The paper is filed: who came back at once would win against all who wait by polling, as Python's lock does.
    await sleep(5);
    console.log(JSON.stringify({ grants: result.grants }));
  }
  console.log(JSON.stringify({ done: result }));
}

process.stdin.on('end', () => process.exit(1));
process.stdin.once('data', async () => {
  await work();
  process.exit(0);
});
console.log(JSON.stringify({ ready: who }));
