// Where this project is hosted is said once, in project.json. `node scripts/project.mjs --write` writes it into each manifest and
// each link to the repository. A package's README has no relative links: npm shows it on a page of its own. Without `--write`
// it checks that all of them say the same, and that each link into this repository leads to a file. `--release` also
// refuses the placeholder OWNER: npm publishes no provenance for a repository that is not the one that builds.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { documents } from './documents.mjs';
import { packages, root } from './workspaces.mjs';

const file = 'project.json';
export const project = JSON.parse(readFileSync(join(root, file), 'utf8'));
const { repository, branch, author, funding } = project;

/** What a manifest says of the project; `folder` is relative to the root. */
export const facts = (folder) => ({
  homepage: `${repository}/tree/${branch}/${folder}#readme`,
  bugs: `${repository}/issues`,
  repository: { type: 'git', url: `git+${repository}.git`, directory: folder },
  funding,
  author,
});

/** A link to the repository, whatever its owner is called; and a link to a file in it. */
const toRepository = /https:\/\/github\.com\/[\w.-]+\/oslo-concurrency(?![\w-])/g;
const toFile = /https:\/\/github\.com\/[\w.-]+\/oslo-concurrency\/(?:blob|tree|edit)\/[\w.-]+\/([^)\s#"'>]*)/g;

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const write = process.argv.includes('--write');
  const complaints = [];
  for (const { folder, manifest } of packages) {
    const here = relative(root, folder);
    put(join(here, 'package.json'), withFacts(manifest, here), write, complaints);
    const readme = readFileSync(join(folder, 'README.md'), 'utf8');
    // On npm's page there is nothing beside the README but what the tarball brings.
    for (const [, target] of readme.matchAll(/\]\(([^)\s]+)\)|(?:src|href)="([^"]+)"/g)) {
      if (target !== undefined && !/^(https:|#)/.test(target))
        complaints.push(`${here}/README.md: ${target} is a relative link: npm's page cannot follow it`);
    }
  }
  for (const { path, text } of documents) {
    put(path, text.replace(toRepository, repository), write, complaints);
    for (const [link, target] of text.matchAll(toFile)) {
      if (!existsSync(join(root, target))) complaints.push(`${path}: ${link} leads to no file of this repository`);
    }
  }
  if (process.argv.includes('--release') && JSON.stringify(project).includes('OWNER')) {
    complaints.push(
      `${file} still has the placeholder OWNER: say where the project is hosted, then run node scripts/project.mjs --write`,
    );
  }
  for (const complaint of complaints) console.log(complaint);
  if (complaints.length > 0) process.exitCode = 1;
  else console.log(`${packages.length} manifests, and all links to the repository, say what ${file} says`);
}

function withFacts(manifest, here) {
  const {
    name,
    version,
    description,
    license,
    homepage,
    bugs,
    repository: _,
    funding: __,
    author: ___,
    ...rest
  } = manifest;
  return `${JSON.stringify({ name, version, description, license, ...facts(here), ...rest }, undefined, 2)}\n`;
}

function put(path, text, write, complaints) {
  if (readFileSync(join(root, path), 'utf8') === text) return;
  if (write) writeFileSync(join(root, path), text);
  else complaints.push(`${path} does not say what ${file} says: run node scripts/project.mjs --write`);
}
