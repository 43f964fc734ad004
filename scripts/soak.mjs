// `npm run soak -- [--minutes N] [--seed N]`: random plans on all strict drivers, by real processes and threads, for as
// long as asked: with all faults (SIGKILL and SIGSTOP among them) and removal of lock files, and by wakes alone. Prints
// what it does, a table of what it saw, and for each violation the smallest plan that shows it, its timeline, and how to
// repeat it. Exits with 1 when a lock broke a promise.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { boundedWait, checkNames, spawnContenders } from '@oslo-concurrency/fixture';
import { checkPlans, plans } from '@oslo-concurrency/fixture/arbitraries';
import { oneof } from 'fast-check';

const usage = 'usage: npm run soak -- [--minutes N] [--seed N]   (N minutes from 0.1 to 10000, by default 10)';
/** A driver's turn before the next one's, in ms; pools are new in each, so that nothing depends on a warm start. */
const turn = 30_000;
const allFaults = ['kill', 'exit', 'stop', 'block', 'starve'];
const crew = { count: 6, threads: 2 };
const contenders = crew.count + crew.threads;
const allModes = ['exclusive', 'exclusive', 'shared', 'permits'];
const patient = { delay: 60_000 };
/**
 * What each turn soaks. By wakes alone, waiters poll only once a minute, which is after the end of each plan: each grant
 * depends on the wake of the one who is next.
 */
const subjects = {
  kernel: { driver: 'kernel', faults: allFaults, modes: allModes },
  lockfile: { driver: 'lockfile', faults: allFaults, modes: allModes },
  'kernel, by wakes alone': { driver: 'kernel', faults: [], modes: allModes, options: patient },
  'lockfile, by wakes alone': { driver: 'lockfile', faults: [], modes: allModes, options: patient },
};

const { minutes, seed } = readArguments();
const end = performance.now() + minutes * 60_000;
const seen = new Map(
  Object.keys(subjects).map((subject) => [
    subject,
    { plans: 0, contended: 0, grants: 0, gaveUp: 0, faults: 0, violations: 0, 'longest wait (ms)': 0 },
  ]),
);
const violations = [];

for (let round = 0; performance.now() < end; round++) {
  const subject = Object.keys(subjects)[round % seen.size];
  await soak(subject, Math.min(turn, end - performance.now()), seed === undefined ? undefined : seed + round);
}
if (process.stdout.isTTY) process.stdout.write('\n');
console.table(Object.fromEntries(seen));
console.log(
  `${minutes} minutes, Node ${process.version}, ${cpus().length} cores (${cpus()[0]?.model}), ${process.platform}`,
);
for (const { subject, message } of violations) console.log(`\n${subject}: ${message}`);
console.log(violations.length === 0 ? 'soak: no violation' : `soak: ${violations.length} violations`);
process.exitCode = violations.length === 0 ? 0 : 1;

async function soak(subject, timeLimit, from) {
  const { driver, faults, modes, options = {} } = subjects[subject];
  const tally = seen.get(subject);
  const before = { ...tally };
  const pool = await spawnContenders({ ...crew, driver, options });
  const onPlan = (summary) => {
    tally.plans = before.plans + summary.plans;
    tally.contended = before.contended + summary.contended;
    tally.grants = before.grants + summary.grants;
    tally.gaveUp = before.gaveUp + summary.gaveUp;
    tally.faults = before.faults + Object.values(summary.faults).reduce((a, b) => a + b, 0);
    tally['longest wait (ms)'] = Math.round(Math.max(before['longest wait (ms)'], summary.longestWait));
    progress(subject);
  };
  try {
    const shape = { contenders, fair: 'some', removal: true, faults };
    // In a crowd all ask for one lock again and again, so that somebody could starve.
    const crowd = plans({ ...shape, names: 1, steps: 25, hold: 1 });
    const drawn = oneof({ arbitrary: plans({ ...shape, modes }), weight: 4 }, { arbitrary: crowd, weight: 1 });
    // A turn of the lockfile driver lasts longer.
    const checks = [...checkNames, boundedWait({ slice: driver === 'lockfile' ? 12 : 8 })];
    await checkPlans(pool, drawn, {
      runs: 1_000_000,
      checks,
      timeLimit,
      onPlan,
      mustContend: false,
      ...(from !== undefined && { seed: from }),
    });
  } catch (error) {
    tally.violations += 1;
    violations.push({ subject, message: error.message });
  } finally {
    await pool.close();
  }
  if (!process.stdout.isTTY) progress(subject, true);
}

function progress(subject, line = process.stdout.isTTY) {
  if (!line) return;
  const sum = (what) => [...seen.values()].reduce((total, tally) => total + tally[what], 0);
  const left = Math.max(0, Math.round((end - performance.now()) / 1000));
  const rate = (sum('plans') / Math.max(1, (minutes * 60_000 - (end - performance.now())) / 1000)).toFixed(1);
  const text = `${subject.padEnd(24)} ${sum('plans')} plans (${rate}/s), ${sum('grants')} grants, ${sum('faults')} faults, ${violations.length} violations, ${left} s left`;
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${text}`);
  else console.log(text);
}

function readArguments() {
  try {
    const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string' } } });
    const asked = {
      minutes: Number(values.minutes),
      seed: values.seed === undefined ? undefined : Number(values.seed),
    };
    if (!(asked.minutes >= 0.1 && asked.minutes <= 10_000))
      throw new Error(`--minutes ${values.minutes} is not possible`);
    if (asked.seed !== undefined && !Number.isInteger(asked.seed))
      throw new Error(`--seed ${values.seed} is no integer`);
    return asked;
  } catch (error) {
    console.error(`${error.message}\n${usage}`);
    process.exit(2);
  }
}
