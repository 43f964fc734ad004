import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/**
 * What it costs to import `specifier` into a fresh process, in milliseconds of a machine that starts Node in 40. Bare
 * specifiers are resolved from `cwd`; what `after` names is imported before, and not counted.
 *
 * No bound in milliseconds of the clock holds: machines differ, and one that starts Node in 100 also imports lockutils in
 * 24, without core. Nor does one in starts of Node alone, which gave 10 in one hour and 16 in another: to start, Node runs
 * code that it brings compiled; to import, it looks up and reads files, by threads, and compiles, and each of these slows
 * down in hours of its own. So the yardstick is both in equal parts: the start of the very process that imports, and, in
 * it, the import of a generated package of small files. A slow disk, cache or processor moves all three, taken within a
 * tenth of a second, alike: at loads from 3 to 13 on two cores the ratio kept within a seventh of its middle, while the
 * median of its parts moved by up to a third and single ones doubled. Another major version of Node spends its time
 * otherwise: what is 12 to 15 on Node 20 is 26 on 22.
 *
 * Of clock and processor time the lesser counts: waiting for others is no cost, and neither is what threads of Node
 * clean up meanwhile. Garbage collections fall into one part or another, 2 ms each, so several processes are
 * measured, and their median counts: the quickest would be the one whose yardstick was hit. Resolves to what each took.
 */
export async function importCost(specifier, { cwd, after = [] } = {}) {
  const home = await mkdtemp(join(tmpdir(), 'yardstick-'));
  try {
    const yardstick = pathToFileURL(writeYardstick(home)).href;
    const flags = ['--input-type=module', '-e', program, yardstick, specifier, ...after];
    // Who imports for the first time has nothing compiled.
    const env = { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' };
    const measured = [];
    while (measured.length < runs) measured.push(Number((await execute(process.execPath, flags, { cwd, env })).stdout));
    return measured;
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

const runs = 11;

// The first import of all makes Node load its loader, and the first of a package what finds packages: the one is paid by
// the empty module, the other by the yardstick.
const program = `
  const start = process.cpuUsage();
  await import('data:text/javascript,');
  const spentOn = async (specifier) => {
    const [cpu, began] = [process.cpuUsage(), performance.now()];
    await import(specifier);
    const { user, system } = process.cpuUsage(cpu);
    return Math.min(user + system, (performance.now() - began) * 1000);
  };
  const [yardstick, specifier, ...after] = process.argv.slice(1);
  // The package takes a seventh of what the start takes.
  const unit = (start.user + start.system + 7 * (await spentOn(yardstick))) / 2 / 40;
  for (const earlier of after) await import(earlier);
  console.log((await spentOn(specifier)) / unit);`;

/** A package of nine files that needs another one of nine, and none of them does anything. Returns its main file. */
function writeYardstick(home) {
  const write = (name, firstLine) => {
    const root = join(home, 'node_modules', name);
    mkdirSync(join(root, 'dist'), { recursive: true });
    writeFileSync(join(root, 'package.json'), JSON.stringify({ name, type: 'module', exports: './dist/index.js' }));
    const parts = Array.from({ length: 8 }, (_, n) => n);
    for (const n of parts) writeFileSync(join(root, 'dist', `part-${n}.js`), `export const part${n} = () => {};\n`);
    const index = parts.map((n) => `export { part${n} } from './part-${n}.js';\n`);
    writeFileSync(join(root, 'dist/index.js'), [firstLine, ...index].join(''));
    return join(root, 'dist/index.js');
  };
  write('yardstick-base', '');
  return write('yardstick', "export * as base from 'yardstick-base';\n");
}
