import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { importFootprint } from '../../../import-footprint.js';

const url = import.meta.resolve('@oslo-concurrency/lockutils');
const core = import.meta.resolve('@oslo-concurrency/core');

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

it('G22 importing lockutils after core is two files of at most 300,000 characters, and needs at most 30 modules of Node', () => {
  const { files, kilocharacters, nodeModules } = importFootprint(url, { after: [core] });
  expect(files).toHaveLength(2);
  expect(kilocharacters).toBeLessThanOrEqual(300);
  expect(nodeModules).toBeLessThanOrEqual(30);
});

it('G22 the first calls of lock, acquireAll and the objects take their turns as later ones do', () => {
  const output = inFreshProcess(`
    const { acquireAll, lock, InterProcessLock, Semaphores } = await import(${JSON.stringify(url)});
    const semaphores = new Semaphores();
    const order = [];
    const calls = [
      lock('x', { semaphores }, () => order.push('lock')),
      acquireAll(['x'], { semaphores }, () => order.push('acquireAll')),
      semaphores.get('x').acquire(() => order.push('object')),
      lock('x', { semaphores }, () => order.push('lock again')),
    ];
    const size = semaphores.size;
    await Promise.all(calls);
    console.log(size, order.join());`);
  expect(output).toBe('1 lock,acquireAll,object,lock again');
});

it.runIf(process.platform === 'linux')(
  'a first external lock that fails because no descriptor is left does not keep later ones from working',
  () => {
    const lockPath = mkdtempSync(join(tmpdir(), 'first-lock-'));
    const code = `
    import { closeSync, openSync } from 'node:fs';
    import { lock, lockSync } from ${JSON.stringify(url)};
    await new Promise((resolve) => setImmediate(resolve));
    const taken = [];
    const fill = () => { try { for (;;) taken.push(openSync('/dev/null')); } catch (error) { return error.code; } };
    const full = fill();
    const options = { external: true, lockPath: process.argv[1] };
    const internal = await lock('x', () => 'held');
    const first = await lock('x', options, () => 'held').catch((error) => error.cause?.code ?? error.code ?? error.name);
    for (const fd of taken) closeSync(fd);
    const second = await lock('x', options, () => 'held');
    process.stdout.write([full, internal, first, second].join());`;
    const shell = 'ulimit -n 64; exec "$0" --input-type=module -e "$1" "$2"';
    try {
      const output = execFileSync('/bin/sh', ['-c', shell, process.execPath, code, lockPath], { encoding: 'utf8' });
      expect(output).toBe('EMFILE,held,EMFILE,held');
    } finally {
      rmSync(lockPath, { recursive: true });
    }
  },
);

it('lockutils can be loaded by require()', () => {
  const file = JSON.stringify(new URL(url).pathname);
  const code = `const { lock } = require(${file}); lock('x', () => 'held').then(console.log)`;
  const flags = ['--no-warnings', '--input-type=commonjs', '-e', code];
  expect(execFileSync(process.execPath, flags, { encoding: 'utf8' }).trim()).toBe('held');
});
