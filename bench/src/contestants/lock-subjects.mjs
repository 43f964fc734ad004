import { AsyncLocalStorage } from 'node:async_hooks';
import { closeSync, constants, lutimesSync, openSync, watch } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';

const require = createRequire(import.meta.url);
const nothing = () => {};

/**
 * The locks that run in Node, by name: `open(directory, name)` gives `cycle`, one acquire and release around an empty
 * body as a user would write it, and where it can be held across messages `take`, which resolves to its release. Ours
 * can also be given a kernel driver whose system calls are watched.
 */
export const lockSubjects = {
  wake,
  floor,
  poll,
  context,
  ours: (directory, name, driver) => ours(directory, name, { external: true, driver }),
  'ours fair': (directory, name, driver) => ours(directory, name, { external: true, fair: true, driver }),
  'ours shared': (directory, name, driver) => ours(directory, name, { external: true, shared: true, driver }),
  'ours permits': (directory, name, driver) => ours(directory, name, { external: true, permits: 4, driver }),
  'ours lockfile': (directory, name) => ours(directory, name, { external: true, driver: 'lockfile' }),
  'ours sync': oursSync,
  'ours internal': (directory, name) => ours(directory, name, {}),
  'ours internal fair': (directory, name) => ours(directory, name, { fair: true }),
  'ours internal shared': (directory, name) => ours(directory, name, { shared: true }),
  'ours internal undetected': (directory, name) => ours(directory, name, { deadlock: 'off' }),
  'ours internal sync': (directory, name) => oursSync(directory, name, { external: false }),
  'proper-lockfile': properLockfile,
  'async-mutex': asyncMutex,
  'async-lock': asyncLock,
  'p-limit': pLimit,
};

async function ours(directory, name, { driver, ...options }) {
  const { lock } = await import('@oslo-concurrency/lockutils');
  const all = { ...options, ...(options.external ? { lockPath: directory } : {}), ...(driver ? { driver } : {}) };
  return {
    cycle: () => lock(name, all, nothing),
    async take() {
      const held = await lock(name, all);
      return () => held.release();
    },
  };
}

async function oursSync(directory, name, options = { external: true }) {
  const { lockSync } = await import('@oslo-concurrency/lockutils');
  if (lockSync === undefined) throw new Error('lockSync is not there yet');
  const all = { ...options, ...(options.external ? { lockPath: directory } : {}) };
  return {
    cycle: () => lockSync(name, all, nothing),
    take() {
      const held = lockSync(name, all);
      return () => held.release();
    },
  };
}

// The least that any such lock does: three system calls. It creates no file, since the file is there. Who waits is woken by
// a watched file that each release touches, the least for a program in Node without a thread.
function floor(directory, name) {
  const { tryLock } = require('fs-native-extensions');
  const path = join(directory, name);
  const bell = `${path}.bell`;
  for (const file of [path, bell]) closeSync(openSync(file, constants.O_RDWR | constants.O_CREAT));
  const attempt = () => {
    const fd = openSync(path, constants.O_RDWR);
    if (tryLock(fd, 0, 0)) return fd;
    closeSync(fd);
    return undefined;
  };
  const releaseOf = (fd) => () => {
    closeSync(fd);
    lutimesSync(bell, 0, 0);
  };
  return {
    cycle() {
      const fd = openSync(path, constants.O_RDWR);
      tryLock(fd, 0, 0);
      closeSync(fd);
    },
    take: () =>
      new Promise((taken) => {
        let settled = false;
        const again = () => {
          const fd = settled ? undefined : attempt();
          if (fd === undefined) return;
          settled = true;
          taken(releaseOf(fd));
          setImmediate(() => watcher.close());
        };
        const watcher = watch(bell, again);
        again();
      }),
  };
}

// Whoever makes the file has the first turn; from then on it goes to and fro, each time by nothing but a touch.
function wake(directory, name) {
  const bell = join(directory, `${name}.wake`);
  const ring = () => lutimesSync(bell, 0, 0);
  return {
    cycle: nothing,
    take: () =>
      new Promise((taken) => {
        try {
          closeSync(openSync(bell, 'wx'));
          taken(ring);
        } catch {
          const watcher = watch(bell, () => {
            taken(ring);
            setImmediate(() => watcher.close());
          });
        }
      }),
  };
}

// The least that looks for a lock as often as ours does, by a timer; nothing is ever granted.
function poll(directory, name) {
  const { tryLock } = require('fs-native-extensions');
  const path = join(directory, name);
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT);
  let polls = false;
  return {
    cycle: nothing,
    take() {
      if (!polls) setInterval(() => tryLock(fd, 0, 0), 50);
      polls = true;
      return new Promise(nothing);
    },
  };
}

// What it costs to enter an async context around an empty body, without a lock.
function context() {
  const storage = new AsyncLocalStorage();
  return { cycle: async () => storage.run({}, nothing) };
}

function properLockfile(directory, name) {
  const lockfile = require('proper-lockfile');
  const path = join(directory, name);
  closeSync(openSync(path, constants.O_RDWR | constants.O_CREAT));
  // Without retries it gives up at once; `update` and `stale` as they come.
  const options = { realpath: false, retries: { forever: true, minTimeout: 1, maxTimeout: 10, factor: 2 } };
  return {
    async cycle() {
      const release = await lockfile.lock(path, options);
      await release();
    },
    take: () => lockfile.lock(path, options),
  };
}

async function asyncMutex() {
  const { Mutex } = await import('async-mutex');
  const mutex = new Mutex();
  return { cycle: () => mutex.runExclusive(nothing), take: () => mutex.acquire() };
}

async function asyncLock(_directory, name) {
  const { default: AsyncLock } = await import('async-lock');
  const mutex = new AsyncLock({ maxPending: Number.POSITIVE_INFINITY });
  return { cycle: () => mutex.acquire(name, nothing), take: () => takeBody((body) => mutex.acquire(name, body)) };
}

async function pLimit() {
  const { default: limit } = await import('p-limit');
  const one = limit(1);
  return { cycle: () => one(nothing), take: () => takeBody((body) => one(body)) };
}

/** A lock that only knows bodies, held until the release is called. */
function takeBody(run) {
  return new Promise((taken, failed) => {
    const done = run(() => new Promise((end) => taken(() => turn(end()))));
    Promise.resolve(done).catch(failed);
  });
}
