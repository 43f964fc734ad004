// Builds the package in whose folder it runs. `tsc` writes build/, file by file: tests of internals read that, and it is
// not published. rolldown writes dist/: one file for each entry that package.json names, and one for each program that
// the package starts; and dist/cjs/, the entries once more for tools that require and know no ES modules (Jest). Both
// folders are made anew, so that nothing stays of a source that is gone.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { rolldown } from 'rolldown';
import { root } from './workspaces.mjs';

const home = process.cwd();
const manifest = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
const dist = join(home, 'dist');

// Nothing else stays outside. What is neither ours nor one of these is bundled: a small package that is needed at once,
// or one whose own packages would change the process of the user.
const dependencies = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });

/** The source of each entry that package.json names, and what its file in dist/ is called. */
const entries = Object.values(manifest.exports)
  .filter(({ types }) => types !== undefined)
  .map(({ types, default: file }) => [
    types.replace('./dist/', './src/').replace(/\.d\.ts$/, '.ts'),
    basename(file, '.js'),
  ]);

const sourceOf = (program) => resolve('src', `${program}.ts`);

/** The source of each program that runs in a process or thread of its own, and what its file in dist/ is called. */
const programs = new Map(
  {
    lockutils: ['cli/lockutils', 'cli/lockutils-wrapper'],
    fixture: [
      'contenders/host/contender-main',
      'contenders/host/guard-main',
      'contenders/module/lock-contender',
      'executables/fake-executable-main',
      'verify/leases/remote-holder-main',
    ],
  }[basename(home)]?.map((program) => [sourceOf(program), basename(program)]),
);

/** The source of each program that the bundle carries as a text, and that text. */
const carried = new Map({ processutils: [[sourceOf('run/watcher-program'), '']] }[basename(home)]);

// Code says where a file of its package lies as seen from its own source. In a bundle that is seen from dist/. A program
// that a text imports is put in place of the text: in a bundle of the user's, or in an archive, there is no file of ours.
const fileUrls = {
  name: 'file-urls',
  transform(code, id) {
    const target = (path) => resolve(dirname(id), path);
    const bundled = code
      .replace(
        /`import\(\$\{JSON\.stringify\(new URL\('(\.[^']+)', import\.meta\.url\)\.href\)\}\)`/g,
        (whole, path) => {
          const text = carried.get(target(path).replace(/\.js$/, '.ts'));
          return text === undefined ? whole : JSON.stringify(text);
        },
      )
      .replace(/new URL\('(\.[^']+)', import\.meta\.url\)/g, (whole, path) => {
        const program = programs.get(target(path).replace(/\.js$/, '.ts'));
        if (program !== undefined) return `new URL('./${program}.js', import.meta.url)`;
        // The others stand in examples of doc comments.
        return existsSync(target(path)) ? `new URL('${relative(dist, target(path))}', import.meta.url)` : whole;
      });
    // Lines stay where they are, so the source map needs no change.
    return bundled === code ? null : { code: bundled, map: null };
  },
};

// proper-lockfile would hook the process by the first two; `drivers/proper-lockfile.ts` says why it need not.
const standIns = new Map([
  ['signal-exit', 'export const onExit = () => () => {}; export { onExit as default };'],
  ['graceful-fs', "export { default } from 'node:fs';"],
  // It measures how exact the times of a file system are. Ours are answered from memory.
  [
    './mtime-precision',
    'export default { probe: (file, fs, done) => fs.stat(file, (error, stats) => done(error, stats?.mtime)), getMtime: () => new Date() };',
  ],
  // It is asked for no second try of anything.
  [
    'retry',
    'export default { operation() { let last; return { attempt: (run) => run(), retry: (error) => { last = error; return false; }, mainError: () => last }; } };',
  ],
]);
const harmless = {
  name: 'harmless',
  resolveId: (id) => (standIns.has(id) ? `\0${id}` : null),
  load: (id) => (id.startsWith('\0') ? (standIns.get(id.slice(1)) ?? null) : null),
};

// proper-lockfile is CommonJS. As an ES module it needs nothing of the bundler to be run, and what is not used of it is left out.
const asModule = {
  name: 'as-module',
  transform(code, id) {
    if (!id.endsWith('/proper-lockfile/lib/lockfile.js')) return null;
    const changed = code
      .replace(
        /^const (\w+) = require\('([^']+)'\);$/gm,
        (_whole, name, from) => `import ${name} from '${isBuiltin(from) ? 'node:' : ''}${from}';`,
      )
      .replace(/^module\.exports\.(\w+) = \1;$/gm, 'export { $1 };');
    if (/\brequire\(|\bmodule\.exports\b/.test(changed)) throw new Error(`${id} is not as this plugin knows it`);
    return { code: changed, map: null };
  },
};

// For `require` of Node's own modules a bundle in ES module form begins with `createRequire(import.meta.url)`, which a user's
// bundle in CommonJS cannot run.
const builtins = {
  name: 'builtins',
  transform(code, id) {
    if (!id.includes('/node_modules/')) return null;
    const changed = code
      .replace(/\brequire\((['"])([\w:/]+)\1\)/g, (whole, _quote, name) =>
        isBuiltin(name) ? `process.getBuiltinModule('${name}')` : whole,
      )
      // Marks for a tool that measures coverage, which the bundler keeps.
      .replace(/\/\* istanbul [^*]*\*\//g, '');
    return changed === code ? null : { code: changed, map: null };
  },
};

const isOutside = (id) => isBuiltin(id) || dependencies.some((name) => id === name || id.startsWith(`${name}/`));
// What reads CommonJS only cannot load such a package either.
const isModule = (id) => {
  const manifest = join(root, 'node_modules', id, 'package.json');
  if (!existsSync(manifest)) return false;
  const { type, exports } = JSON.parse(readFileSync(manifest, 'utf8'));
  return type === 'module' && !JSON.stringify(exports ?? {}).includes('"require"');
};
const isOutsideCommonJs = (id) => isOutside(id) && (id.startsWith('@oslo-concurrency/') || !isModule(id));

for (const folder of ['build', 'dist']) rmSync(join(home, folder), { recursive: true, force: true });
const { status } = spawnSync('tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' });
if (status !== 0) process.exit(status ?? 1);
const licences = new Map();
for (const source of carried.keys()) carried.set(source, await textOf(source));
const inputs = Object.fromEntries(entries.map(([source, name]) => [name, source]));
await bundle(inputs, { dir: dist, format: 'esm', external: isOutside });
// Each alone: a program shares no state with anybody, and one file is read quicker than two.
for (const [source, name] of programs)
  await bundle({ [name]: source }, { dir: dist, format: 'esm', external: isOutside, sourcemap: false });
await bundle(inputs, { dir: join(dist, 'cjs'), format: 'cjs', external: isOutsideCommonJs, sourcemap: false });
for (const [source] of entries) copyTypes(relative(resolve('src'), source).replace(/\.ts$/, '.d.ts'));
if (licences.size > 0) writeFileSync(join(dist, 'third-party-licences.txt'), [...licences.values()].join('\n'));

/** Copies the types of a source, as `tsc` wrote them, and all that they mention. Others no user can reach. */
function copyTypes(file) {
  if (existsSync(join(dist, file))) return;
  // The sources are not published, so the map that leads to them is of no use.
  const text = readFileSync(join(home, 'build', file), 'utf8').replace(/^\/\/# sourceMappingURL=.*\n?/m, '');
  mkdirSync(dirname(join(dist, file)), { recursive: true });
  writeFileSync(join(dist, file), text);
  for (const [, path] of text.matchAll(/\b(?:from |import\()['"](\.[^'"]+)\.js['"]/g)) {
    copyTypes(join(dirname(file), `${path}.d.ts`));
  }
}

async function open(input, external) {
  return rolldown({
    input,
    external,
    platform: 'node',
    transform: { target: 'es2022' },
    plugins: [fileUrls, harmless, asModule, builtins, { name: 'licences', moduleParsed: ({ id }) => noteLicence(id) }],
    onLog(level, log) {
      if (level === 'warn') throw new Error(log.message);
    },
  });
}

async function textOf(source) {
  // From a text no package can be found.
  const bundled = await open({ program: source }, isBuiltin);
  const { output } = await bundled.generate({ format: 'cjs', minify: false, comments: { jsdoc: false } });
  return output[0].code;
}

// The maps of the entries carry the sources: a debugger and a stack trace need no other file. What nobody imports in a program of
// theirs (our own programs, and the entries for Jest) has no map, which would carry all of that once more; it is not minified.
async function bundle(input, { dir, format, external, sourcemap = true }) {
  const bundled = await open(input, external);
  // Entries that share classes and state share one file of them.
  const shared = Object.keys(input).length > 1 ? { groups: [{ name: 'shared', minShareCount: 2 }] } : undefined;
  const extension = format === 'cjs' ? 'cjs' : 'js';
  await bundled.write({
    dir,
    format,
    sourcemap,
    sourcemapExcludeSources: false,
    minify: false,
    // Editors read the doc comments in the types, and people in the sources. Here they would only be parsed.
    comments: { legal: true, annotation: true, jsdoc: false },
    entryFileNames: `[name].${extension}`,
    chunkFileNames: `[name].${extension}`,
    codeSplitting: shared,
  });
}

// Whoever ships a package ships its licence.
function noteLicence(id) {
  const found = /^(.*\/node_modules\/((?:@[^/]+\/)?[^/]+))\//.exec(id);
  if (found === null || licences.has(found[2])) return;
  const [, folder, name] = found;
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined) throw new Error(`${name} is bundled, and has no licence file`);
  licences.set(name, `${name}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`);
}
