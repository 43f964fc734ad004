// A package that has changed since its version was last set needs a changeset: without one its users would get the change
// unannounced, or not at all. What is not published (tests), or changes nothing for users (the manifest's own scripts and
// development dependencies), may change freely.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { packages, root } from './workspaces.mjs';

const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim();
const changesets = readdirSync(join(root, '.changeset'))
  .filter((file) => file.endsWith('.md') && file !== 'README.md')
  .map((file) => readFileSync(join(root, '.changeset', file), 'utf8'));
const announced = new Set(
  changesets.flatMap((text) =>
    [...(/^---\n([\s\S]*?)\n---/.exec(text)?.[1] ?? '').matchAll(/^["']?([^"':]+)["']?:/gm)].map((m) => m[1]),
  ),
);

for (const name of announced) {
  if (packages.some(({ manifest }) => manifest.name === name)) continue;
  console.log(`.changeset: ${name} is not a package of this repository`);
  process.exitCode = 1;
}
for (const { folder, manifest } of packages) {
  if (announced.has(manifest.name)) continue;
  const here = relative(root, folder);
  // The commit that set the version the package has now is its release; it needs no tag and no remote.
  const release = git('log', '-1', '--format=%H', '-G"version": ', '--', join(here, 'package.json'));
  const first = manifest.version === '0.0.0';
  const published = ['src', 'README.md', 'package.json'].map((path) => join(here, path));
  const changed =
    first || release === ''
      ? published
      : git('diff', '--name-only', release, '--', ...published)
          .split('\n')
          .filter((file) => file !== '' && !(file === join(here, 'package.json') && sameForUsers(release, file)));
  if (changed.length === 0) continue;
  console.log(`${manifest.name} has changed since ${manifest.version} (${changed.join(', ')}): run npm run changeset`);
  process.exitCode = 1;
}

function sameForUsers(release, file) {
  const [before, now] = [git('show', `${release}:${file}`), readFileSync(join(root, file), 'utf8')].map((text) => {
    const { scripts, devDependencies, ...forUsers } = JSON.parse(text);
    return JSON.stringify(forUsers);
  });
  return before === now;
}
