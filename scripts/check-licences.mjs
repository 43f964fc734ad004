// What users install with our packages must carry a licence they can live with. The lock file says what each one has.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packages, root } from './workspaces.mjs';

const permitted = new Set([
  'MIT',
  'ISC',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'BlueOak-1.0.0',
  'Unlicense',
]);
const locked = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;

/** Where npm put what `from` requires as `name`: in the nearest node_modules above it. */
function placeOf(name, from) {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    const place = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
    if (locked[place] !== undefined) return place;
    if (folder === '') return undefined;
    if (!folder.includes('/node_modules/')) folder = '';
  }
}

const seen = new Map();
function visit(place, asker) {
  const entry = locked[place];
  if (entry.link === true) return visit(entry.resolved, asker);
  if (seen.has(place)) return;
  seen.set(place, entry);
  if (!permitted.has(entry.license)) {
    console.log(`${place} (wanted by ${asker}): its licence is ${entry.license ?? 'not stated'}`);
    process.exitCode = 1;
  }
  const wanted = { ...entry.dependencies, ...entry.optionalDependencies, ...entry.peerDependencies };
  for (const name of Object.keys(wanted)) {
    // An optional peer is the user's own choice; it does not come with ours.
    if (entry.peerDependenciesMeta?.[name]?.optional === true) continue;
    const found = placeOf(name, place);
    if (found !== undefined) visit(found, place);
    else if (entry.optionalDependencies?.[name] === undefined) {
      console.log(`${place}: ${name} is not in package-lock.json`);
      process.exitCode = 1;
    }
  }
}
for (const { folder, manifest } of packages) visit(folder.slice(root.length + 1), manifest.name);
const shipped = [...seen].filter(([place]) => place.includes('node_modules/'));
console.log(
  `${shipped.length} packages come with ours: ${[...new Set(shipped.map(([, entry]) => entry.license))].join(', ')}`,
);
