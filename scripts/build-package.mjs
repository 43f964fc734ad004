// Builds the package in whose folder it runs. `tsc` writes build/, file by file: tests of internals read that, and it is
// not published. rolldown writes dist/: one file for each entry that package.json names, and one for each program that
// the package starts. Both folders are made anew, so that nothing stays of a source that is gone.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { rolldown } from 'rolldown';

const home = process.cwd();
const manifest = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
const dist = join(home, 'dist');

// Nothing else stays outside: what is neither ours nor one of these, the bundler cannot find, and fails.
const dependencies = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });

/** The source of each entry that package.json names, and what its file in dist/ is called. */
const entries = Object.values(manifest.exports)
  .filter(({ types }) => types !== undefined)
  .map(({ types, default: file }) => [
    types.replace('./dist/', './src/').replace(/\.d\.ts$/, '.ts'),
    basename(file, '.js'),
  ]);

/** The source of each program that runs in a process or thread of its own, and what its file in dist/ is called. */
const programs = new Map(
  {
    lockutils: ['cli/lockutils', 'cli/lockutils-wrapper'],
    processutils: ['run/watcher-program'],
    fixture: [
      'contenders/host/contender-main',
      'contenders/host/guard-main',
      'contenders/module/lock-contender',
      'executables/fake-executable-main',
      'verify/leases/remote-holder-main',
    ],
  }[basename(home)]?.map((program) => [resolve('src', `${program}.ts`), basename(program)]),
);

// Code says where a file of its package lies as seen from its own source. In a bundle that is seen from dist/.
const fileUrls = {
  name: 'file-urls',
  transform(code, id) {
    const bundled = code.replace(/new URL\('(\.[^']+)', import\.meta\.url\)/g, (whole, path) => {
      const target = resolve(dirname(id), path);
      const program = programs.get(target.replace(/\.js$/, '.ts'));
      if (program !== undefined) return `new URL('./${program}.js', import.meta.url)`;
      // The others stand in examples of doc comments.
      return existsSync(target) ? `new URL('${relative(dist, target)}', import.meta.url)` : whole;
    });
    // Lines stay where they are, so the source map needs no change.
    return bundled === code ? null : { code: bundled, map: null };
  },
};

for (const folder of ['build', 'dist']) rmSync(join(home, folder), { recursive: true, force: true });
const { status } = spawnSync('tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);
await bundle(Object.fromEntries(entries.map(([source, name]) => [name, source])));
// Each alone: a program shares no state with anybody, and one file is read quicker than two.
for (const [source, name] of programs) await bundle({ [name]: source });
for (const [source] of entries) copyTypes(relative(resolve('src'), source).replace(/\.ts$/, '.d.ts'));

/** Copies the types of a source, as `tsc` wrote them, and all that they mention. Others no user can reach. */
function copyTypes(file) {
  if (existsSync(join(dist, file))) return;
  for (const part of [file, `${file}.map`]) cpSync(join(home, 'build', part), join(dist, part));
  for (const [, path] of readFileSync(join(dist, file), 'utf8').matchAll(
    /\b(?:from |import\()['"](\.[^'"]+)\.js['"]/g,
  )) {
    copyTypes(join(dirname(file), `${path}.d.ts`));
  }
}

async function bundle(input) {
  const bundled = await rolldown({
    input,
    external: (id) => isBuiltin(id) || dependencies.some((name) => id === name || id.startsWith(`${name}/`)),
    platform: 'node',
    transform: { target: 'es2022' },
    plugins: [fileUrls],
    onLog(level, log) {
      if (level === 'warn') throw new Error(log.message);
    },
  });
  // Entries that share classes and state share one file of them.
  const shared = Object.keys(input).length > 1 ? { groups: [{ name: 'shared', minShareCount: 2 }] } : undefined;
  await bundled.write({
    dir: dist,
    format: 'esm',
    sourcemap: true,
    // The package brings its sources.
    sourcemapExcludeSources: true,
    minify: false,
    // Editors read the doc comments in the types, and people in the sources. Here they would only be parsed.
    comments: { legal: true, annotation: true, jsdoc: false },
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    codeSplitting: shared,
  });
}
