// `npm run quickstart`: real processes keep one ledger under one lock, then again without it.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkHistory, readHistory, renderTimeline } from '@oslo-concurrency/fixture';
import { SingleBar } from 'cli-progress';
import Table from 'cli-table3';
import { readArguments } from './arguments.mjs';
import { keepOnEngine } from './engine-ledger.mjs';
import { audit } from './ledger.mjs';
import { findPython, runRound } from './round.mjs';

try {
  process.exitCode = await main(readArguments(process.argv.slice(2)));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

async function main({ processes, seconds, hold, fair, engine }) {
  if (engine !== undefined) return keepOnEngine({ engine, processes, seconds, hold });
  const folder = mkdtempSync(join(tmpdir(), 'ledger-'));
  const python = findPython();
  const pythons = python === undefined ? 0 : 2;
  const crew = `${processes} Node processes${pythons > 0 ? ' and 2 Python processes with oslo.concurrency' : ''}`;

  console.log(`\n1. ${crew} keep one ledger, under lock('ledger', { external: true${fair ? ', fair: true' : ''} }):\n`);
  const common = { processes, pythons, python, hold, fair };
  const locked = await keep(folder, 'locked', { ...common, seconds, locked: true });
  const table = new Table({ head: ['process', 'language', 'grants', 'longest wait'], style: { head: [], border: [] } });
  for (const { who, language, grants, longestWait } of locked.results) {
    table.push([
      who,
      language,
      { content: grants, hAlign: 'right' },
      { content: `${longestWait.toFixed(1)} ms`, hAlign: 'right' },
    ]);
  }
  console.log(table.toString());
  const claimed = locked.results.reduce((sum, { booked }) => sum + booked, 0);
  const { verdict } = checkHistory(locked.history, ['exclusion']);
  const right = locked.broken === 0 && locked.total === locked.booked && locked.total === claimed && verdict === 'ok';
  console.log(
    `   ${locked.lines} bookings. The processes say they booked ${claimed}; the lines add up to ${locked.booked}; the`,
  );
  console.log(
    `   ledger's last total is ${locked.total}. ${right ? 'Right: nothing was lost, nobody was inside with another.' : 'WRONG.'}`,
  );
  if (pythons === 0)
    console.log('   (With the Debian package python3-oslo.concurrency, two Python processes would have joined.)');

  console.log('\n2. The same without the lock:\n');
  const free = await keep(folder, 'unlocked', { ...common, seconds: Math.min(seconds, 1), locked: false });
  const lost = free.booked - free.total;
  console.log(
    `   ${free.lines} bookings add up to ${free.booked}; the ledger's last total is ${free.total}: ${lost} lost, in ${free.broken} lines`,
  );
  console.log('   that do not build on the line before.');

  const timeline = join(folder, 'timeline.svg');
  writeFileSync(timeline, renderTimeline(opening(locked.history), { format: 'svg' }));
  console.log(`\n3. Who held the lock when, in the first half second: ${timeline}\n   Both ledgers lie beside it.\n`);
  return right ? 0 : 1;
}

/** One round in a folder of its own: what the bookkeepers say, what the ledger says, and what happened. */
async function keep(folder, name, order) {
  const place = join(folder, name);
  const paths = {
    ledger: join(place, 'ledger.csv'),
    lockPath: join(place, 'locks'),
    history: join(place, 'history.ndjson'),
  };
  mkdirSync(paths.lockPath, { recursive: true });
  for (const path of [paths.ledger, paths.history]) writeFileSync(path, '');
  const bar = new SingleBar({
    format: '   {bar} {grants} bookings, {rate}/s',
    clearOnComplete: true,
    hideCursor: true,
  });
  const total = order.seconds * 1000;
  const began = performance.now();
  if (process.stdout.isTTY) bar.start(total, 0, { grants: 0, rate: 0 });
  const onGrants = (grants) => {
    const passed = performance.now() - began;
    bar.update(Math.min(passed, total), { grants, rate: Math.round(grants / (passed / 1000)) });
  };
  try {
    const results = await runRound({ ...order, ...paths, onGrants });
    return { results, ...audit(paths.ledger), history: readHistory(paths.history) };
  } finally {
    bar.stop();
  }
}

function opening(history) {
  const start = history[0]?.at ?? 0;
  return history.filter((entry) => entry.at < start + 500);
}
