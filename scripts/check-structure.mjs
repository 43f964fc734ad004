// The rules of the layout that a compiler does not keep: who may import whom, what can be reached from outside, and
// names that promise nothing. Prints every breach and exits with 1.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { packages, root } from './workspaces.mjs';

// Development dependencies that the bundles contain: docs/decisions.md says why.
const bundled = { core: { ini: true }, lockutils: { 'proper-lockfile': true } };

const scope = '@oslo-concurrency/';

/** What each package may import of ours. A new package is added here, and somebody has thought about it. */
const mayImport = {
  core: [],
  lockutils: ['core'],
  processutils: ['core'],
  fixture: ['core', 'lockutils'],
  'lockutils-etcd': ['core', 'lockutils'],
  'lockutils-postgres': ['core', 'lockutils'],
  'lockutils-redis': ['core', 'lockutils'],
  telemetry: ['core'],
};
/**
 * The rooms of a package, from the top down: a source may import its own room and rooms of rows below, types included.
 * `.` is every other source in `src/` itself. A package gets its row here when its sources lie in rooms.
 */
const layers = {
  lockutils: [
    ['cli'],
    ['jobs'],
    ['.'],
    ['objects', 'lease', 'cleanup'],
    ['locking'],
    ['options'],
    ['drivers'],
    ['local', 'lock-path', 'timeline'],
    ['errors'],
    ['owner'],
    ['steps.ts'],
  ],
  processutils: [
    ['.'],
    ['ssh'],
    ['run'],
    ['command'],
    ['log-policy.ts', 'process-limits.ts'],
    ['output'],
    ['errors', 'secrets.ts'],
    ['masking', 'limits', 'terminate'],
    ['system'],
  ],
};
/** What lies in a folder of such a path may be imported from within it, and from these files: nobody else knows it. */
const secrets = {
  lockutils: { folder: /^drivers\/[^/]+\//, from: ['drivers/select.ts', 'drivers.ts', 'index.ts'] },
};
const mostInRoom = 12;
/** A source longer than this holds two concepts, or has its line in `longer`. */
const mostLines = 200;
/** Sources that hold one concept in more lines, and how many. A number may only shrink, and its line goes at 200. */
const longer = {
  // one format
  'core/src/config/config-file.ts': 201,
  // the open files of one driver, by state
  'lockutils/src/drivers/kernel/files/lock-files.ts': 204,
  // one grant, and the changes of its mode
  'lockutils/src/drivers/kernel/grant.ts': 239,
  // one handle, a third of it its contract
  'lockutils/src/lease/held-lease.ts': 258,
  // one list with its invariants
  'lockutils/src/local/turn-queue.ts': 207,
  // the options, with what each promises
  'lockutils/src/options/lock-options.ts': 202,
  // one family of errors
  'lockutils-etcd/src/etcd-errors.ts': 230,
  // one key, from join to release
  'lockutils-etcd/src/queue/queue-key.ts': 227,
  // one request, and what repeats it
  'lockutils-postgres/src/database/database.ts': 202,
  // one family of errors
  'lockutils-postgres/src/postgres-errors.ts': 201,
  // one family of errors
  'lockutils-redis/src/redis-errors.ts': 223,
  // the options, with what each promises
  'processutils/src/command/command.ts': 308,
  // one function with its overloads
};
/** The folders of `test/` that mirror no room: promises of several rooms together, and what tests share. */
const roomsForTests = ['promises', 'support', 'fixtures', 'pairs', 'server', 'soak'];
/** Rooms whose promises are tested through other rooms, and by which file. The list may only shrink. */
const testedThrough = {
  'fixture/': 'lock-dir/lock-fixture.test.ts',
  'fixture/contenders/plan': 'contenders/spawn-contenders.test.ts',
  'lockutils/errors': 'promises/hostile-directory.test.ts',
  'lockutils/timeline': '../../fixture/test/timeline/render-timeline.test.ts',
  'lockutils-postgres/database': 'faults.test.ts',
  'lockutils-redis/scripts': 'redis-lease-driver.test.ts',
  'processutils/errors': 'promises/outcome.test.ts',
  'processutils/limits': 'process-limits.test.ts',
  'processutils/run/start': 'execute.test.ts',
  'processutils/ssh': 'ssh-execute.test.ts',
};
const emptyNames = /^(utils?|helpers?|common|shared|misc|types)\.ts$/;
const kebabCase = /^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.ts$/;

const rootManifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const breaches = [];
for (const { folder, manifest } of packages) {
  const name = manifest.name.slice(scope.length);
  const allowed = mayImport[name];
  if (allowed === undefined) {
    breaches.push(`${manifest.name}: is not in the list of who may import whom (scripts/check-structure.mjs)`);
    continue;
  }
  checkDependencies(name, manifest, allowed);
  if (manifest.engines?.node !== rootManifest.engines.node) {
    breaches.push(`${name}: engines.node is not ${rootManifest.engines.node}, as at the root`);
  }
  const files = sourcesBelow(join(folder, 'src'));
  for (const file of files) checkSource(file, name, manifest);
  checkRooms(files);
  checkLengths(files);
  checkTests(name, folder, files);
  checkCycles(name, folder);
  if (layers[name] !== undefined) checkLayers(name, folder, manifest);
  checkClosed(folder, manifest);
}
for (const breach of breaches) console.log(breach);
process.exitCode = breaches.length === 0 ? 0 : 1;

function checkDependencies(name, manifest, allowed) {
  for (const field of ['dependencies', 'peerDependencies', 'optionalDependencies']) {
    for (const [dependency, range] of Object.entries(manifest[field] ?? {})) {
      if (!dependency.startsWith(scope)) continue;
      if (!allowed.includes(dependency.slice(scope.length))) {
        breaches.push(`${name}: ${field} has ${dependency}, which is not below it`);
      }
      if (!range.startsWith('^'))
        breaches.push(`${name}: ${dependency} is asked for as ${range}, not by a caret range`);
    }
  }
}

function sourcesBelow(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file));
}

/** A folder that holds more cannot be taken in at a glance: it gets rooms. */
function checkRooms(files) {
  for (const room of new Set(files.map((file) => dirname(file)))) {
    const count = files.filter((file) => dirname(file) === room).length;
    if (count > mostInRoom) breaches.push(`${relative(root, room)}: has ${count} sources, more than ${mostInRoom}`);
  }
}

function checkLengths(files) {
  for (const file of files) {
    const shown = relative(root, file).replace(/^packages\//, '');
    const lines = readFileSync(file, 'utf8').split('\n').length - 1;
    const most = longer[shown] ?? mostLines;
    if (lines > most) breaches.push(`${shown}: has ${lines} lines, more than ${most}; does it hold two concepts?`);
    if (most > mostLines && lines < most)
      breaches.push(`${shown}: has ${lines} lines; write that in longer, not ${most}`);
  }
}

/** Tests lie where the source lies whose promise they prove, so that each is found from the other. */
function checkTests(name, folder, files) {
  const tests = sourcesBelow(join(folder, 'test')).filter((file) => file.endsWith('.test.ts'));
  const roomsOf = (paths, below) => new Set(paths.map((path) => relative(join(folder, below), dirname(path))));
  const rooms = roomsOf(files, 'src');
  const tested = roomsOf(tests, 'test');
  for (const file of tests) {
    const room = relative(join(folder, 'test'), dirname(file));
    if (rooms.has(room) || roomsForTests.includes(room.split('/')[0])) continue;
    breaches.push(`${relative(root, file)}: there is no src/${room}, and it is no room for tests`);
  }
  for (const room of rooms) {
    const through = testedThrough[`${name}/${room}`];
    if (tested.has(room)) {
      if (through !== undefined) breaches.push(`${name}/${room}: has tests, so testedThrough needs no line for it`);
    } else if (through === undefined) breaches.push(`${name}: src/${room} has no test in test/${room}`);
    else if (!existsSync(join(folder, 'test', through))) breaches.push(`${name}: there is no test/${through}`);
  }
}

/** A source without the lines that are comment. */
function codeOf(file) {
  return readFileSync(file, 'utf8').replace(/^\s*(\/\/|\*|\/\*\*?).*$/gm, '');
}

function checkSource(file, name, manifest) {
  const shown = relative(root, file);
  const code = codeOf(file);
  if (emptyNames.test(basename(file))) breaches.push(`${shown}: the name says nothing about the content`);
  if (!kebabCase.test(basename(file))) breaches.push(`${shown}: file names are kebab-case`);
  if (/^export \*/m.test(code)) breaches.push(`${shown}: export * hides what is public; name it`);
  if (basename(file) === 'index.ts') {
    const rest = code.replace(/export\s+(type\s+)?\{[^}]*\}\s*(from\s*'[^']+')?;/g, '').trim();
    if (rest !== '') breaches.push(`${shown}: holds more than named re-exports: ${rest.split('\n')[0]}`);
  }
  checkTime(file, shown, code);
  const known = {
    ...manifest.dependencies,
    ...manifest.peerDependencies,
    ...manifest.optionalDependencies,
    ...bundled[name],
  };
  const imports = /^(?:import|export)\b[^'";]*\bfrom '([^']+)'|^import '([^']+)'|\bimport\('([^']+)'\)/gm;
  for (const [, ...found] of code.matchAll(imports)) {
    const specifier = found.find(Boolean);
    if (specifier === 'node:process') breaches.push(`${shown}: imports node:process, which opens standard input`);
    if (specifier.startsWith('.') || specifier.startsWith('node:')) continue;
    const imported = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
    if (imported === `${scope}${name}`) breaches.push(`${shown}: imports its own package by name`);
    else if (!Object.hasOwn(known, imported))
      breaches.push(`${shown}: imports ${specifier}, which ${name} does not depend on`);
  }
}

/**
 * Timers, ticks and clocks come from core's realTime, which takes them once, at import: a test that fakes them must not
 * stop our locks. A program of its own (-main.ts) has no test around it.
 */
function checkTime(file, shown, code) {
  if (basename(file) === 'real-time.ts' || file.endsWith('-main.ts')) return;
  const ofTheSystem = [
    /(?<![.\w'])(?:set|clear)(?:Timeout|Interval|Immediate)\b/,
    /(?<![.\w])(?:performance|queueMicrotask)\b/,
    /\b(?:globalThis|global|window)\.(?:set\w+|clear\w+|performance|Date|queueMicrotask)\b/,
    /\bDate\.now\b/,
    /\bnew Date\(\s*\)/,
    /\bprocess\s*\.\s*(?:nextTick|hrtime|uptime)\b/,
    /\bAbortSignal\.timeout\b/,
    /['"](?:node:)?(?:timers|timers\/promises|perf_hooks)['"]/,
  ];
  // jsdom has none, and Jest shows only what jsdom has.
  if (/\bnew Text(?:De|En)coder\b/.test(code) && !/^import .*\bText(?:De|En)coder\b.* from 'node:util'/m.test(code)) {
    breaches.push(`${shown}: uses a global TextDecoder or TextEncoder; import it from node:util`);
  }
  for (const pattern of ofTheSystem) {
    const found = pattern.exec(code);
    if (found !== null) breaches.push(`${shown}: uses ${found[0]}; take it from realTime of core`);
  }
}

function checkCycles(name, folder) {
  for (const cycle of cyclesOf(importsBelow(join(folder, 'src')))) {
    breaches.push(`${name}: its files import each other in a cycle: ${cycle.join(', ')}`);
  }
}

function checkLayers(name, folder, manifest) {
  const imports = importsBelow(join(folder, 'src'));
  const rows = layers[name];
  const roomOf = (file) => {
    const [first] = file.split('/');
    return rows.some((row) => row.includes(first)) ? first : '.';
  };
  const rowOf = (file) => rows.findIndex((row) => row.includes(roomOf(file)));
  const entries = Object.values(manifest.exports).flatMap(({ types }) => types ?? []);
  const sources = entries.map((entry) => entry.replace('./dist/', '').replace(/\.d\.ts$/, '.ts'));
  const published = sources.flatMap((source) => [source, ...(imports.get(source) ?? [])]);
  for (const [file, imported] of imports) {
    const shown = `${name}: src/${file}`;
    if (file.includes('/') && roomOf(file) === '.') breaches.push(`${shown}: lies in a room that layers does not know`);
    if (!file.includes('/') && file !== 'steps.ts' && !published.includes(file)) {
      breaches.push(`${shown}: lies in src/ itself, but no entry of the package exports from it`);
    }
    for (const other of imported) {
      if (roomOf(other) !== roomOf(file) && rowOf(other) <= rowOf(file) && !sources.includes(file)) {
        breaches.push(`${shown}: imports ${other}, which does not lie below it`);
      }
      const { folder: secret, from } = secrets[name] ?? {};
      const [within] = secret?.exec(other) ?? [];
      if (within !== undefined && !file.startsWith(within) && !from.includes(file)) {
        breaches.push(`${shown}: imports ${other}, which only ${within} itself and ${from.join(', ')} may know`);
      }
    }
  }
}

/** For each source below `folder` the sources it imports, types and `import()` included. */
function importsBelow(folder) {
  const imports = new Map();
  for (const file of sourcesBelow(folder)) {
    const found = codeOf(file).matchAll(/\b(?:from|import)\s*\(?\s*'(\.[^']+)'/g);
    const paths = [...found].map(([, path]) => join(dirname(file), path).replace(/\.js$/, '.ts'));
    imports.set(
      relative(folder, file),
      paths.map((path) => relative(folder, path)),
    );
  }
  return imports;
}

/** The groups of nodes that can be reached from each other, by Tarjan's algorithm. */
function cyclesOf(graph) {
  const order = new Map();
  const lowest = new Map();
  const stack = [];
  const cycles = [];
  const visit = (node) => {
    order.set(node, order.size);
    lowest.set(node, order.get(node));
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      if (!order.has(next)) visit(next);
      if (stack.includes(next)) lowest.set(node, Math.min(lowest.get(node), lowest.get(next)));
    }
    if (lowest.get(node) !== order.get(node)) return;
    const group = stack.splice(stack.indexOf(node));
    if (group.length > 1 || graph.get(node)?.includes(node)) cycles.push(group.sort());
  };
  for (const node of graph.keys()) if (!order.has(node)) visit(node);
  return cycles;
}

/** Every built file but the entry points must be out of reach, and every entry point must be there. */
function checkClosed(folder, manifest) {
  const requireFrom = createRequire(join(folder, 'package.json'));
  for (const key of Object.keys(manifest.exports)) {
    const specifier = `${manifest.name}${key.slice(1)}`;
    try {
      requireFrom.resolve(specifier);
    } catch (error) {
      breaches.push(`${specifier}: cannot be resolved (${error.code}); is it built?`);
    }
  }
  for (const file of readdirSync(join(folder, 'dist'), { recursive: true })) {
    if (!file.endsWith('.js')) continue;
    const specifier = `${manifest.name}/dist/${file}`;
    try {
      requireFrom.resolve(specifier);
      breaches.push(`${specifier}: an internal that can be imported from outside`);
    } catch (error) {
      if (error.code !== 'ERR_PACKAGE_PATH_NOT_EXPORTED') breaches.push(`${specifier}: ${error.message}`);
    }
  }
}
