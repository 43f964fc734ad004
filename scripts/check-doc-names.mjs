// A name that a document sets in code type must exist: options, functions, classes, error codes and scripts are looked up
// in the sources, so that a renamed option does not live on in the documents.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { documents, prose } from './documents.mjs';
import { packages, root, workspaces } from './workspaces.mjs';

/** Names of others that the documents speak of. */
const foreign = new Set(
  (
    'TypeError RangeError SyntaxError AbortError AsyncLocalStorage AggregateError experimentalDecorators skipLibCheck ' +
    'NodeNext instanceof withResolvers waitForLock StopWatch InterProcessLock ReaderWriterLock ' +
    // systemd, Kubernetes, Knex, Fastify
    'ExecStart emptyDir ReadWriteMany terminationGracePeriodSeconds MigrationLocked preClose onClose'
  ).split(' '),
);

const sources = packages.flatMap(({ folder }) =>
  readdirSync(join(folder, 'src'), { recursive: true })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(folder, 'src', file), 'utf8')),
);
const known = new Set(sources.join('\n').match(/[A-Za-z_$][\w$]*/g));
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

for (const { path, text } of documents) {
  for (const [index, line] of prose(text).split('\n').entries()) {
    // In a table of a migration guide, all but the last cell are the other library's.
    const ours = path.startsWith('docs/migrate/') && line.startsWith('|') ? line.split(' | ').at(-1) : line;
    for (const [, code] of ours.matchAll(/`([^`]+)`/g)) {
      // camelCase, PascalCase with an inner capital, and error codes; with or without a call's parentheses.
      const name = /^([a-z]+[A-Z]\w*|[A-Z][a-z]+[A-Z]\w*|ERR_\w+)(\(.*\))?$/.exec(code)?.[1];
      if (name === undefined || known.has(name) || foreign.has(name)) continue;
      console.log(`${path}:${index + 1}: \`${name}\` is nowhere in the sources`);
      process.exitCode = 1;
    }
  }
  for (const [, script] of text.matchAll(/npm run ([a-z][\w-]*(?::[\w-]+)*)/g)) {
    if (Object.hasOwn(scripts, script)) continue;
    console.log(`${path}: there is no script ${script}`);
    process.exitCode = 1;
  }
}

// Each dependency has its line in docs/decisions.md.
const decisions = documents.find(({ path }) => path === 'docs/decisions.md')?.text ?? '';
const manifests = [
  JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')),
  ...workspaces.map((it) => it.manifest),
];
const wanted = manifests.flatMap((it) =>
  Object.keys({ ...it.dependencies, ...it.peerDependencies, ...it.devDependencies }),
);
for (const name of new Set(wanted)) {
  if (name.startsWith('@types/') || name.startsWith('@oslo-concurrency/')) continue;
  if (decisions.includes(`\`${name}\``)) continue;
  console.log(`docs/decisions.md does not say why ${name} is there`);
  process.exitCode = 1;
}
