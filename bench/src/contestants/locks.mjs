// A process that takes locks, asked over stdin. `locks.py` answers the same questions for Python.
import { readdirSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { Bench } from 'tinybench';
import { median } from '../statistics.mjs';
import { untilSteady } from '../steady.mjs';
import { answer } from './answer.mjs';
import { lockSubjects } from './lock-subjects.mjs';
import { partsOf } from './parts.mjs';
import { watchedDriver } from './system-calls.mjs';

const opened = new Map();
const cell = new Int32Array(new SharedArrayBuffer(4));
let release;

answer({ probe, warm, uncontended, contend, take, drop, crowd, idle, names, parts });

async function open({ subject, directory, name = 'bench', timed = false }) {
  const key = JSON.stringify([subject, directory, name, timed]);
  let lock = opened.get(key);
  if (lock === undefined) {
    const watched = timed ? await watchedDriver() : undefined;
    lock = { ...(await lockSubjects[subject](directory, name, watched?.driver)), watched };
    opened.set(key, lock);
  }
  return lock;
}

/** Fails with the reason when this subject cannot run here. */
async function probe(request) {
  await (await open(request)).cycle();
}

/**
 * Takes the lock alone until it gets no faster: by `cycle`, or by `take` and its release. A sample is 250 times or more,
 * so that 2,000 times or more without an improvement end it.
 */
async function warm({ way = 'cycle', atMostMs = 2000, ...which }) {
  const lock = await open(which);
  const once = way === 'cycle' ? lock.cycle : async () => (await lock.take())();
  const sample = async () => {
    const start = performance.now();
    let count = 0;
    for (; count < 250 || performance.now() - start < 10; count += 1) await once();
    return (performance.now() - start) / count;
  };
  return await untilSteady(sample, { better: 'less', patience: 8, most: 200, ms: atMostMs });
}

/** The time of acquire and release, in us: the median over `ms` of batches, so that who preempts us does not count. */
async function uncontended({ ms, batch, ...which }) {
  const { cycle } = await open(which);
  const bench = new Bench({ time: ms, iterations: 1, warmup: false, throws: true });
  bench.add(which.subject, async () => {
    for (let i = 0; i < batch; i += 1) {
      const pending = cycle();
      if (pending !== undefined) await pending;
    }
  });
  const [task] = await bench.run();
  return (task.result.latency.p50 * 1000) / batch;
}

/**
 * Takes the lock again and again from `startAt` (ms since 1970) for `ms`, holding it `holdMs` each time. With `log`, also
 * tells when each hold began and ended, in turn, in ms of the clock that all processes share.
 */
async function contend({ startAt, ms, holdMs, log = false, ...which }) {
  const lock = await open(which);
  const holds = [];
  const shared = Number(process.hrtime.bigint()) / 1e6 - performance.now();
  stop(startAt - Date.now());
  const end = performance.now() + ms;
  const cpu = process.cpuUsage();
  const turns = turnsOfLoop();
  let [grants, longestMs, heldMs] = [0, 0, 0];
  for (let now = performance.now(); now < end; ) {
    const drop = await lock.take();
    const granted = performance.now();
    longestMs = Math.max(longestMs, granted - now);
    if (granted < end) grants += 1;
    // The thread sleeps, as Python's time.sleep does: a timer of the event loop holds longer than it was told.
    stop(holdMs);
    const released = performance.now();
    if (granted < end) heldMs += Math.min(released, end) - granted;
    if (log && granted < end) holds.push(granted + shared, released + shared);
    await drop();
    now = performance.now();
  }
  const { user, system } = process.cpuUsage(cpu);
  return { grants, longestMs, heldMs, cpuMs: (user + system) / 1000, wakes: turnsOfLoop() - turns, holds };
}

/** How often the event loop has turned: once each time the process was woken, if it had nothing else to do. */
function turnsOfLoop() {
  return performance.nodeTiming.uvMetricsInfo?.loopCount ?? 0;
}

function stop(ms) {
  if (ms > 0) Atomics.wait(cell, 0, 0, ms);
}

/** Waits for the lock; when it was granted, in ns of the clock that all processes share. `timed`: and the system calls. */
async function take(which) {
  const lock = await open(which);
  lock.watched?.begin();
  const given = await lock.take();
  const at = Number(process.hrtime.bigint());
  release = { given, lock };
  return { at, ...lock.watched?.end() };
}

/** Releases what `take` took; when that began, in ns. */
async function drop() {
  const { given, lock } = release;
  lock.watched?.begin();
  const at = Number(process.hrtime.bigint());
  await given();
  return { at, ...lock.watched?.end() };
}

/** `count` tasks of this process wait for one lock and pass it on; us a grant, from joining to the last release. */
async function crowd({ count, times = 1, ...which }) {
  const lock = await open(which);
  let us = 0;
  for (let i = 0; i < times; i += 1) us += await crowdOnce(lock, count);
  return us / times;
}

async function crowdOnce(lock, count) {
  const first = await lock.take();
  const start = performance.now();
  const tasks = Array.from({ length: count }, async () => {
    const drop = await lock.take();
    await drop();
  });
  await first();
  await Promise.all(tasks);
  return ((performance.now() - start) * 1000) / count;
}

/** What a grant is made of: alone, or with `waiters` tasks that wait; see {@link partsOf}. */
async function parts({ waiters, ...which }) {
  const turn = async (lock) => {
    if (waiters !== undefined) return void (await crowdOnce(lock, waiters));
    for (let i = 0; i < 100; i += 1) await lock.cycle();
  };
  const lock = await open(which);
  const watched = await open({ ...which, timed: true });
  return await partsOf(
    () => turn(lock),
    () => turn(watched),
    watched.watched,
    waiters ?? 100,
  );
}

/** `count` tasks wait in vain for `ms`: the part of a core they take, and the threads that were started for them. */
async function idle({ count, ms, ...which }) {
  const lock = await open(which);
  const threads = readdirSync('/proc/self/task').length;
  // They are ended with this process.
  for (let i = 0; i < count; i += 1) Promise.resolve(lock.take()).catch(() => {});
  await pause(500);
  const slices = [];
  // The median of slices: the collector clears away once what it took to come here, in one of them.
  for (let slice = 0; slice < ms / 250; slice += 1) {
    const cpu = process.cpuUsage();
    const start = performance.now();
    await pause(250);
    const { user, system } = process.cpuUsage(cpu);
    slices.push(((user + system) / 1000 / (performance.now() - start)) * 100);
  }
  return {
    core: median(slices),
    threads: readdirSync('/proc/self/task').length - threads,
  };
}

/** Takes `count` locks of different names, all held at one time; what they cost, and what is left of them. */
async function names({ count, ...which }) {
  const locks = [];
  for (let i = 0; i < count; i += 1) locks.push(await open({ ...which, name: `name-${i}` }));
  const before = heap();
  const start = performance.now();
  const drops = [];
  for (const lock of locks) drops.push(await lock.take());
  const taken = performance.now() - start;
  const held = heap() - before;
  const again = performance.now();
  for (const drop of drops.splice(0)) await drop();
  const us = ((taken + performance.now() - again) * 1000) / count;
  return { us, heldBytes: held / count, leftKb: (heap() - before) / 1024 };
}

function heap() {
  globalThis.gc();
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}
