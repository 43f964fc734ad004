// Locks random names until told to stop, and looks inside each section whether it is alone as promised.
import { closeSync, constants, openSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cleanLocks, lock } from '@oslo-concurrency/lockutils';
import { defaultKernelSystem, kernelDriver } from '@oslo-concurrency/lockutils/drivers';

const { directory, witness, names, seed, locks, goOn } = JSON.parse(process.argv[2]);
const driver = locks === 'ours' ? undefined : kernelDriver({ system: withoutInodeCheck() });
const options = { external: true, lockPath: directory, doLog: false, ...(driver && { driver }) };
const report = { grants: 0, errors: [] };
let stopped = false;
let state = seed;
let entries = 0;

process.on('disconnect', () => process.exit());
process.on('message', (message) => {
  if (message === 'stop') stopped = true;
  else void run();
});
process.send({ ready: true });

async function run() {
  while (!stopped) {
    try {
      if (locks === 'ours' && random(100) === 0) await cleanLocks({ lockPath: directory });
      await lockOnce();
    } catch (error) {
      if (error.code !== 'ERR_LOCK_TIMEOUT' && error.code !== 'ERR_LOCK_NOT_ACQUIRED') report.errors.push(error.stack);
      if (report.errors.length > 10) {
        // If the cleaner or the lock is broken, holders lose their locks and learn of it. Whether two holders are in at
        // once shows only while the processes lock.
        if (!goOn) break;
        report.errors.length = 10;
        await new Promise(setImmediate);
      }
    }
  }
  // The driver keeps a few files open for a moment.
  for (let round = 0; round < 200 && openHere() > 0; round += 1) await sleep(5);
  process.send({ report: { ...report, openDescriptors: openHere() } }, () => process.disconnect());
}

async function lockOnce() {
  // Half of the time one of few names, so that there is waiting; else any, so that there is cleaning.
  const name = random(2) === 0 ? random(Math.min(names, 6)) : random(names);
  const patience = [{}, {}, { timeout: 20 }, { blocking: false }][random(4)];
  const more = { ...patience, fair: random(2) === 0 };
  // A name is always used in one way: alone, by readers and writers, or with two permits.
  if (name % 3 === 2) return section(name, { ...more, permits: 2 }, 'p');
  if (name % 3 === 1 && random(3) > 0) return section(name, { ...more, shared: true }, 'r');
  return section(name, { ...more, removeOnRelease: random(8) === 0 }, 'w');
}

async function section(name, more, kind) {
  const held = await lock(`n/${name}`, { ...options, ...more });
  const folder = join(witness, String(name));
  entries += 1;
  const own = kind === 'w' ? 'w' : `${kind}.${process.pid}.${entries}`;
  const file = join(folder, own);
  try {
    if (!createAlone(file)) return overlap(name, `${kind} while a writer is in`);
    judge(name, kind, readdirSync(folder));
    await (random(3) === 0 ? sleep(1) : new Promise(setImmediate));
    judge(name, kind, readdirSync(folder));
    rmSync(file);
  } finally {
    report.grants += 1;
    if (report.grants % 10 === 0) process.send({ granted: 10 });
    await held.release();
  }
}

function judge(name, kind, inside) {
  const writers = inside.includes('w') ? 1 : 0;
  const permitted = inside.filter((entry) => entry.startsWith('p')).length;
  if (kind === 'w' ? inside.length > 1 : writers > 0) overlap(name, `${kind} beside ${inside}`);
  if (permitted > 2) overlap(name, `${permitted} with permits: 2`);
}

function createAlone(file) {
  try {
    closeSync(openSync(file, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY));
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function overlap(name, what) {
  process.send({ overlap: `name ${name}: ${what}` });
}

function openHere() {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(directory);
    } catch {
      return false;
    }
  }).length;
}

// xorshift32: the same names in the same order for the same seed.
function random(below) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  state >>>= 0;
  return state % below;
}

/** Answers the question "is this still the file the name leads to?" with yes, always. */
function withoutInodeCheck() {
  const opened = new Map();
  return {
    ...defaultKernelSystem,
    openSync(path, flags, mode) {
      const fd = defaultKernelSystem.openSync(path, flags, mode);
      opened.set(path, defaultKernelSystem.fstatSync(fd));
      return fd;
    },
    lstatSync: (path) => opened.get(path) ?? defaultKernelSystem.lstatSync(path),
  };
}
