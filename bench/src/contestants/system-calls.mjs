import { performance } from 'node:perf_hooks';

/**
 * A kernel driver whose system calls are watched, through its own extension point for faults: between `begin` and `end`
 * it notes each call with its arguments and times, and each time a watched file woke this process.
 */
export async function watchedDriver() {
  const { defaultKernelSystem: plain, kernelDriver } = await import('@oslo-concurrency/lockutils/drivers');
  let noted;
  const note = (name) => {
    const call = plain[name];
    return (...args) => {
      if (noted === undefined) return call(...args);
      const start = performance.now();
      const result = call(...args);
      noted.calls.push({ name, args, result, start, end: performance.now() });
      return result;
    };
  };
  const calls = Object.keys(plain).filter((name) => typeof plain[name] === 'function' && name !== 'load');
  const system = { ...plain, ...Object.fromEntries(calls.map((name) => [name, note(name)])) };
  system.watch = (path, listener) =>
    plain.watch(path, (event) => {
      noted?.wakes.push(performance.now());
      listener(event);
    });
  return {
    driver: kernelDriver({ system }),
    begin() {
      noted = { calls: [], wakes: [] };
    },
    /** What was noted, in ns of the clock that all processes share. */
    end() {
      const shared = Number(process.hrtime.bigint()) - performance.now() * 1e6;
      const { calls: all, wakes } = noted;
      noted = undefined;
      const at = (ms) => Math.round(ms * 1e6 + shared);
      return {
        calls: all.map(({ name, start, end }) => ({ name, start: at(start), end: at(end) })),
        wakes: wakes.map(at),
      };
    },
    /** The calls that `use` makes, with what they were given and answered. */
    async callsOf(use) {
      this.begin();
      await use();
      const { calls: all } = noted;
      noted = undefined;
      return all;
    },
    plain,
  };
}
