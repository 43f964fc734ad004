import { closeSync, constants, openSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { median } from '../statistics.mjs';
import { untilSteady } from '../steady.mjs';

/** The system call behind each call of the driver. Those of one name are repeated together, as in pairs they belong. */
const systemCalls = {
  tryLock: 'fcntl',
  unlock: 'fcntl',
  openSync: 'open and close',
  closeSync: 'open and close',
  fstatSync: 'fstat',
  lstatSync: 'lstat',
  readSync: 'pread',
  writeSync: 'pwrite',
  unlinkSync: 'unlink',
  lutimesSync: 'utimensat',
  futimesSync: 'utimensat',
};

/**
 * What a grant is made of, in us: the system calls that `watchedTurn` makes are repeated bare, in their order, by the
 * same functions of Node and the add-on, all of them and those of each kind. What `turn`, which is the same with nobody
 * watching, takes beyond them is JavaScript. A turn is `grants` grants.
 */
export async function partsOf(turn, watchedTurn, watched, grants) {
  const timeOf = (use) => timed(use).then((ms) => (ms * 1000) / grants);
  await untilSteady(() => timeOf(watchedTurn), { better: 'less', patience: 8, most: 200, ms: 1000 });
  await untilSteady(() => timeOf(turn), { better: 'less', patience: 8, most: 200, ms: 1000 });
  const calls = (await watched.callsOf(watchedTurn)).filter(({ name }) => systemCalls[name] !== undefined);
  const bare = replayer(calls, watched.plain);
  try {
    const kinds = [...new Set(calls.map(({ name }) => systemCalls[name]))];
    const parts = {};
    for (const kind of kinds) {
      const own = bare.only(({ name }) => systemCalls[name] === kind);
      parts[kind] = { calls: own.length / grants, us: repeated(() => bare.run(own)) / grants };
    }
    const every = bare.only(() => true);
    const callsUs = repeated(() => bare.run(every)) / grants;
    const times = [];
    const end = performance.now() + 60;
    do times.push(await timeOf(turn));
    while (performance.now() < end);
    return { parts, callsUs, wholeUs: median(times) };
  } finally {
    bare.close();
  }
}

/** Repeats `calls` on descriptors of its own: those that were recorded belong to the driver, which closes them. */
function replayer(calls, system) {
  const descriptors = new Map();
  const own = (fd) => {
    if (!descriptors.has(fd))
      descriptors.set(fd, openSync(`/proc/self/fd/${fd}`, constants.O_RDWR | constants.O_NOATIME));
    return descriptors.get(fd);
  };
  const opened = new Set();
  const again = ({ name, args, result }) => {
    const call = system[name];
    if (name === 'openSync') {
      opened.add(result);
      return () => descriptors.set(result, call(...args));
    }
    if (typeof args[0] !== 'number') return () => call(...args);
    const [fd, ...rest] = args;
    if (opened.has(fd)) return () => call(descriptors.get(fd), ...rest);
    const mine = own(fd);
    return () => call(mine, ...rest);
  };
  const all = calls.map((call) => ({ call, run: again(call) }));
  return {
    only: (fits) => all.filter(({ call }) => fits(call)).map(({ run }) => run),
    run(list) {
      for (const one of list) one();
    },
    close() {
      for (const [fd, mine] of descriptors) if (!opened.has(fd)) closeSync(mine);
    },
  };
}

/** us of one run: the median over 20 ms, after 10 ms that do not count. */
function repeated(use) {
  const times = [];
  const begin = performance.now();
  // At least once, also if the machine stood still for all of this time.
  for (let now = begin; now < begin + 30 || times.length === 0; ) {
    use();
    const end = performance.now();
    if (now >= begin + 10) times.push(end - now);
    now = end;
  }
  return median(times) * 1000;
}

async function timed(use) {
  const start = performance.now();
  await use();
  return performance.now() - start;
}
