import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';

const url = import.meta.resolve('@oslo-concurrency/lockutils');

function inFreshProcess(code: string, ...flags: string[]): string {
  return execFileSync(process.execPath, [...flags, '--input-type=module', '-e', code], { encoding: 'utf8' }).trim();
}

it('G22 importing adds no listener, timer or handle, and patches no global', () => {
  const output = inFreshProcess(`
    const names = () => process.eventNames().map(String).sort().join();
    const globals = () => Object.getOwnPropertyNames(globalThis).sort().join();
    const before = [names(), globals(), process.getActiveResourcesInfo().length];
    await import(${JSON.stringify(url)});
    const after = [names(), globals(), process.getActiveResourcesInfo().length];
    console.log(JSON.stringify(before) === JSON.stringify(after), Object.keys(process.binding).length >= 0);`);
  expect(output).toBe('true true');
});

it('G22 importing loads no add-on and no driver library', () => {
  const output = inFreshProcess(`
    const { createRequire } = await import('node:module');
    const require = createRequire(${JSON.stringify(url)});
    await import(${JSON.stringify(url)});
    console.log(Object.keys(require.cache).filter((path) => /fs-native|proper-lockfile|graceful/.test(path)).join());`);
  expect(output).toBe('');
});

it('G22 importing takes less than 15 ms', () => {
  const times = Array.from({ length: 7 }, () =>
    Number(
      inFreshProcess(`
        await import('node:fs'); await import('node:path'); await import('node:crypto');
        const begin = performance.now();
        await import(${JSON.stringify(url)});
        console.log(performance.now() - begin);`),
    ),
  );
  expect(Math.min(...times)).toBeLessThan(15);
});

it('can be loaded by require()', () => {
  const file = JSON.stringify(new URL(url).pathname);
  const code = `const { lock } = require(${file}); lock('x', () => 'held').then(console.log)`;
  const flags = ['--no-warnings', '--input-type=commonjs', '-e', code];
  expect(execFileSync(process.execPath, flags, { encoding: 'utf8' }).trim()).toBe('held');
});
