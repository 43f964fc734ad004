import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';

/** The modules of Node that the import of `specifier` after core loads in a fresh process. */
function loadedBy(specifier: string): readonly string[] {
  const code = `
    const loaded = () => new Set(process.moduleLoadList);
    await import('${import.meta.resolve('@oslo-concurrency/core')}');
    const before = loaded();
    await import('${specifier}');
    console.log(JSON.stringify([...loaded()].filter((name) => !before.has(name)).map((name) => name.split(' ').at(-1))));`;
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }));
}

it('G22 importing processutils loads no module of Node that only some commands need', () => {
  const loaded = loadedBy(import.meta.resolve('@oslo-concurrency/processutils'));
  expect(loaded.filter((name) => /^(crypto|worker_threads|stream\/web)$/.test(name))).toEqual([]);
  expect(loaded, 'what every command needs').toContain('child_process');
});
