import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { npm } from './command.js';
import type { Tarball } from './tarballs.js';

/** An empty project of a stranger who has only these dependencies, installed without running any install script. */
export function project(
  folder: string,
  dependencies: Readonly<Record<string, string>>,
  tarballs: readonly Tarball[],
): string {
  mkdirSync(folder, { recursive: true });
  const overrides = Object.fromEntries(
    tarballs.filter(({ name }) => !Object.hasOwn(dependencies, name)).map(({ name, path }) => [name, `file:${path}`]),
  );
  const manifest = { name: 'stranger', private: true, type: 'module', dependencies, overrides };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest, undefined, 2));
  npm(folder, 'install', '--ignore-scripts', '--prefer-offline');
  return folder;
}

interface Tree {
  readonly dependencies?: Readonly<Record<string, Tree>>;
}

/** The names of all packages in the project, by `npm ls`, which fails when anything is missing or does not fit. */
export function installed(folder: string): ReadonlySet<string> {
  const names = new Set<string>();
  const walk = (tree: Tree): void => {
    for (const [name, below] of Object.entries(tree.dependencies ?? {})) {
      names.add(name);
      walk(below);
    }
  };
  walk(JSON.parse(npm(folder, 'ls', '--all', '--json')) as Tree);
  return names;
}
