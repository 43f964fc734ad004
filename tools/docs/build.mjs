// `npm run docs`: builds the site into tools/docs/dist: the pages of docs/, the packages' READMEs, and the reference from the
// doc comments. A link to a page that is not there fails the build. `-- --screenshots` looks at every page in headless Chromium
// (readable.mjs) and takes pictures of some into tools/docs/screenshots.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lookAt } from './readable.mjs';

const home = import.meta.dirname;
const root = join(home, '..', '..');
const site = join(home, '.site');
const out = join(home, 'dist');
if (!existsSync(join(home, 'node_modules'))) run(home, 'npm', ['ci', '--no-audit', '--no-fund']);

rmSync(site, { recursive: true, force: true });
rmSync(out, { recursive: true, force: true });
cpSync(join(root, 'docs'), site, { recursive: true });
cpSync(join(root, 'SECURITY.md'), join(site, 'security-policy.md'));
mkdirSync(join(site, 'packages'));
const packages = readdirSync(join(root, 'packages')).filter((name) =>
  existsSync(join(root, 'packages', name, 'package.json')),
);
for (const name of packages) {
  const readme = join(root, 'packages', name, 'README.md');
  if (existsSync(readme)) cpSync(readme, join(site, 'packages', `${name}.md`));
}
for (const file of readdirSync(site, { recursive: true }).filter((name) => name.endsWith('.md'))) {
  const path = join(site, file);
  // What lies elsewhere in the repository than on the site.
  const text = readFileSync(path, 'utf8')
    .replaceAll('](../SECURITY.md)', '](./security-policy.md)')
    .replaceAll('](docs/', '](./')
    .replaceAll(/\]\(\.\.\/\.\.\/docs\//g, '](../')
    .replaceAll(/\]\((?:\.\.\/)+packages\/([\w-]+)(?:\/README\.md)?\/?\)/g, '](/packages/$1)')
    .replaceAll(/\]\(\.\.\/([\w-]+)(?:\/README\.md)?\)/g, (whole, name) =>
      packages.includes(name) ? `](/packages/${name})` : whole,
    );
  // A link to a file of the repository that is no page keeps its text only.
  const repositoryFile = /(?<!!)\[([^\]]+)\]\((?!https?:|#|\/|[^)]*\.md[)#])[^)]*\)/g;
  writeFileSync(path, file.startsWith('packages/') ? text.replaceAll(repositoryFile, '$1') : text);
}

for (const name of packages) {
  const folder = join(root, 'packages', name);
  const entryPoints = Object.values(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).exports)
    .filter(({ types }) => types !== undefined)
    .map(({ types }) => types.replace('./dist/', 'src/').replace('.d.ts', '.ts'));
  run(folder, process.execPath, [
    join(home, 'node_modules/typedoc/bin/typedoc'),
    ...['--plugin', join(home, 'node_modules/typedoc-plugin-markdown/dist/index.js')],
    ...entryPoints.flatMap((file) => ['--entryPoints', file]),
    ...['--tsconfig', 'tsconfig.build.json', '--out', join(site, 'reference', name)],
    // One page an entry point: what belongs together stands together, and 40 pages are built in a fifth of the time of 300.
    // Where there are several, one of them is the index already, and the list of them needs a name of its own (and no page).
    ...['--router', 'module', '--entryFileName', entryPoints.length > 1 ? 'entry-points' : 'index'],
    ...['--name', name, '--readme', 'none', '--hideBreadcrumbs', '--hidePageHeader'],
    // A table of parameters and properties, not a heading for each; and what comes from Node's own classes is not ours to tell.
    ...['parameters', 'interfaceProperties', 'classProperties', 'typeDeclaration'].flatMap((what) => [
      `--${what}Format`,
      'table',
    ]),
    ...['--useCodeBlocks', '--excludeExternals'],
    ...['--disableSources', '--excludePrivate', '--excludeInternal', '--githubPages', 'false', '--logLevel', 'Error'],
  ]);
  const reference = join(site, 'reference', name);
  const front = '---\noutline: [2, 3]\n---\n\n';
  rmSync(join(reference, 'entry-points.md'), { force: true });
  for (const file of readdirSync(reference)) {
    const entry = file === 'index.md' ? '' : `/${file.replace(/\.md$/, '')}`;
    const text = readFileSync(join(reference, file), 'utf8');
    writeFileSync(join(reference, file), front + text.replace(/^# .*$/m, `# @oslo-concurrency/${name}${entry}`));
  }
}
const list = packages.map((name) => `- [@oslo-concurrency/${name}](./${name}/index.md)`).join('\n');
writeFileSync(join(site, 'reference', 'index.md'), `# Reference\n\nFrom the doc comments of the sources.\n\n${list}\n`);

mkdirSync(join(site, '.vitepress'));
writeFileSync(join(site, '.vitepress', 'config.mjs'), "export { default } from '../../site.config.mjs';\n");
run(home, process.execPath, [join(home, 'node_modules/vitepress/bin/vitepress.js'), 'build', '.site', '--outDir', out]);
const pages = readdirSync(out, { recursive: true }).filter((file) => file.endsWith('.html'));
console.log(`${pages.length} pages in tools/docs/dist`);
if (process.argv.includes('--screenshots')) {
  const complaints = await lookAt(out, join(home, 'screenshots'));
  for (const complaint of complaints) console.log(complaint);
  if (complaints.length > 0) process.exitCode = 1;
}

function run(cwd, program, args) {
  const { status, signal, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (status === 0) return;
  console.error(`${program} ${args.join(' ')}: ${error ?? signal ?? status}\n${stdout}${stderr}`);
  process.exit(1);
}
