import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** What {@link importCost} is told besides what to import. */
export interface ImportCostOptions {
  /** The directory that bare specifiers are resolved from. */
  readonly cwd?: string;
  /** What the program has imported already, and so is not counted. */
  readonly after?: readonly string[];
}

/**
 * What it costs to import `specifier` into a fresh process, in milliseconds of a machine that starts Node in 40.
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
 * clean up meanwhile. Garbage collections fall into one part or another, 2 ms each, so the median of several processes
 * counts: the quickest would be the one whose yardstick was hit.
 */
export function importCost(specifier: string, { cwd, after = [] }: ImportCostOptions = {}): number {
  const home = mkdtempSync(join(tmpdir(), 'yardstick-'));
  try {
    const yardstick = pathToFileURL(writeYardstick(home)).href;
    const flags = ['--input-type=module', '-e', program, yardstick, specifier, ...after];
    // Who imports for the first time has nothing compiled.
    const env = { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' };
    const measured = Array.from({ length: runs }, () =>
      Number(execFileSync(process.execPath, flags, { cwd, env, encoding: 'utf8' })),
    );
    return measured.sort((a, b) => a - b)[(runs - 1) / 2] ?? Number.NaN;
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** Whether bounds on {@link importCost} can be judged here: they are of Node 20. Others read modules in another way. */
export const isYardstickNode = process.versions.node.startsWith('20.');

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
function writeYardstick(home: string): string {
  const write = (name: string, firstLine: string): string => {
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
