import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';

const core = import.meta.resolve('@oslo-concurrency/core');

/** What the import of lockutils after core changes in a fresh process. */
function importEffects(specifier: string): { loaded: readonly string[]; isChdirOurs: boolean } {
  const code = `
    const loaded = () => new Set(process.moduleLoadList);
    await import('${core}');
    const before = loaded();
    const { chdir } = process;
    await import('${specifier}');
    const added = [...loaded()].filter((name) => !before.has(name)).map((name) => name.split(' ').at(-1));
    console.log(JSON.stringify({ loaded: added, isChdirOurs: process.chdir === chdir }));`;
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }));
}

it('G22 importing lockutils loads no module of Node that only some calls need, and leaves process.chdir as it was', () => {
  const { loaded, isChdirOurs } = importEffects(import.meta.resolve('@oslo-concurrency/lockutils'));
  expect(loaded.filter((name) => /^(crypto|worker_threads|child_process|net|stream\/web)$/.test(name))).toEqual([]);
  expect(isChdirOurs).toBe(true);
});

it('... which would be seen', () => {
  const { loaded, isChdirOurs } = importEffects(
    'data:text/javascript,import "node:worker_threads"; import "node:crypto"',
  );
  // Node 26 has loaded worker_threads before.
  expect(loaded).toContain('crypto');
  if (loaded.includes('worker_threads')) expect(isChdirOurs).toBe(false);
});
