// `npm run docs`: builds the site into tools/docs/dist: the pages of docs/, the packages' READMEs, and the reference from the
// doc comments. A link to a page that is not there fails the build. `-- --screenshots` looks at every page in headless Chromium
// (readable.mjs) and takes pictures of some into tools/docs/screenshots.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lookAt } from './readable.mjs';
import { writeReference } from './reference.mjs';

const home = import.meta.dirname;
const root = join(home, '..', '..');
const { repository, branch } = JSON.parse(readFileSync(join(root, 'project.json'), 'utf8'));
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
const ofOurs = new RegExp(`${repository.replaceAll('.', '\\.')}/(?:blob|tree)/${branch}/`, 'g');
for (const file of readdirSync(site, { recursive: true }).filter((name) => name.endsWith('.md'))) {
  const path = join(site, file);
  const source = sourceOf(file);
  // What lies elsewhere in the repository than on the site.
  const text = readFileSync(path, 'utf8')
    .replaceAll('](../SECURITY.md)', '](./security-policy.md)')
    .replaceAll('](docs/', '](./')
    .replaceAll(/\]\(\.\.\/\.\.\/docs\//g, '](../')
    .replaceAll(new RegExp(`\\]\\(${ofOurs.source}docs/([^)#]+?)\\.md(#[^)]*)?\\)`, 'g'), '](/$1$2)')
    .replaceAll(
      new RegExp(`\\]\\(${ofOurs.source}packages/([\\w-]+)(?:/README\\.md)?/?(#[^)]*)?\\)`, 'g'),
      '](/packages/$1$2)',
    )
    .replaceAll(/\]\((?:\.\.\/)+packages\/([\w-]+)(?:\/README\.md)?\/?\)/g, '](/packages/$1)')
    .replaceAll(/\]\((?:\.\.\/)+((?:examples|tools|scripts|bench)\/[^)]*)\)/g, `](${repository}/blob/${branch}/$1)`);
  const edit = `---\nedit: ${repository}/edit/${branch}/${source}\n`;
  writeFileSync(path, text.startsWith('---\n') ? text.replace('---\n', edit) : `${edit}---\n\n${text}`);
}

// Two at a time: typedoc spends most of its time in the compiler.
const sidebars = {};
const missing = [];
const waiting = [...packages];
await Promise.all([document(), document()]);
async function document() {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    const folder = join(root, 'packages', name);
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const { sidebar, complaints } = await writeReference({ home, site, name, folder, manifest });
    sidebars[name] = sidebar;
    missing.push(...complaints);
  }
}
const list = packages.map((name) => `- [@oslo-concurrency/${name}](./${name}/index.md)`).join('\n');
writeFileSync(
  join(site, 'reference', 'index.md'),
  `# Reference\n\nA page for each exported name, from the doc comments of the sources.\n\n${list}\n`,
);

/** Where a page of the site lies in the repository. */
function sourceOf(file) {
  if (file === 'security-policy.md') return 'SECURITY.md';
  const [, name] = /^packages\/(.*)\.md$/.exec(file) ?? [];
  return name === undefined ? `docs/${file}` : `packages/${name}/README.md`;
}

// Readable in the dark and on a phone: as wide as the page, with colours for both.
for (const file of readdirSync(site, { recursive: true }).filter((name) => name.endsWith('.svg'))) {
  const [, root] = /^(?:<\?xml[^>]*>\s*)?<svg([^>]*)>/.exec(readFileSync(join(site, file), 'utf8')) ?? [];
  const wrong = [
    root === undefined || !root.includes('viewBox=') ? 'has no viewBox' : undefined,
    / width="/.test(root ?? '') ? 'has a fixed width' : undefined,
    /prefers-color-scheme|currentColor/.test(readFileSync(join(site, file), 'utf8'))
      ? undefined
      : 'has no colours for dark pages',
  ].filter(Boolean);
  for (const text of wrong) missing.push(`docs/${file} ${text}`);
}
for (const complaint of missing) console.log(complaint);
if (missing.length > 0) process.exitCode = 1;
mkdirSync(join(site, '.vitepress'));
writeFileSync(join(site, '.vitepress', 'reference.json'), JSON.stringify(sidebars));
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
