import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';

const url = import.meta.resolve('@oslo-concurrency/lockutils');

function inFreshProcess(code: string, ...flags: string[]): string {
  return execFileSync(process.execPath, [...flags, '--input-type=module', '-e', code], { encoding: 'utf8' }).trim();
}

it('G22 importing adds no listener, timer or handle, and patches no global', () => {
  const output = inFreshProcess(`
    const names = () => process.eventNames().map(String).sort().join();
    // Looking at a global may itself make it: fetch and the like are made at first sight.
    const descriptors = () => JSON.stringify(Object.entries(Object.getOwnPropertyDescriptors(globalThis))
      .map(([name, { value, get }]) => [name, typeof value, typeof get]));
    descriptors();
    // What is left is the loader's own: it closes the files it has read.
    const resources = () => process.getActiveResourcesInfo().filter((kind) => !/^(CloseReq|FSReq)/.test(kind));
    const state = () => JSON.stringify([names(), descriptors(), resources()]);
    const before = state();
    await import(${JSON.stringify(url)});
    const after = state();
    console.log(before === after ? 'same' : before + after);`);
  expect(output).toBe('same');
});

it('G22 importing loads no add-on and no driver library', () => {
  const output = inFreshProcess(`
    const { createRequire } = await import('node:module');
    const require = createRequire(${JSON.stringify(url)});
    await import(${JSON.stringify(url)});
    console.log(Object.keys(require.cache).filter((path) => /fs-native|proper-lockfile|graceful/.test(path)).join());`);
  expect(output).toBe('');
});

it('can be loaded by require()', () => {
  const file = JSON.stringify(new URL(url).pathname);
  const code = `const { lock } = require(${file}); lock('x', () => 'held').then(console.log)`;
  const flags = ['--no-warnings', '--input-type=commonjs', '-e', code];
  expect(execFileSync(process.execPath, flags, { encoding: 'utf8' }).trim()).toBe('held');
});
