import { synchronousFs } from '../../../dist/drivers.js';

/** A file system of which one call fails, having done its work or not. */
export function failingAt(at: number, code: string, done: boolean): typeof synchronousFs {
  let calls = 0;
  const failing = ([name, call]: [string, unknown]): [string, unknown] => [
    name,
    (...args: unknown[]) => {
      calls += 1;
      const real = call as (...args: unknown[]) => unknown;
      if (calls !== at) return real(...args);
      if (done) real(...args);
      throw Object.assign(new Error(`${code}: ${name}`), { code });
    },
  ];
  return Object.fromEntries(Object.entries(synchronousFs).map(failing)) as unknown as typeof synchronousFs;
}
