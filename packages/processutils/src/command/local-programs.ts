import { type Stats, statSync } from 'node:fs';
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path';

// What the C library searches when there is no PATH.
const usual = '/bin:/usr/bin';

/**
 * The environment in which the programs of `node_modules/.bin` come before those of `PATH`, the nearest first: of the
 * directory of the command, then of those above it.
 *
 * Not every such folder is local: in `/tmp/build`, one of `/tmp` may be anybody's, who would have us run what he likes.
 * So one counts only when it belongs to root, to the user of this process, or to the owner of the command's directory, whom
 * one trusts by working there. An empty entry of `PATH`, or another that is relative and means the command's directory, is left
 * out: what lies there by accident is no program that was installed.
 */
export function withLocalPrograms(env: Readonly<Record<string, string>>, cwd: string | undefined) {
  const directory = directoryOf(cwd);
  const path = (env.PATH ?? usual).split(delimiter);
  if (directory === undefined) return { ...env, PATH: path.filter((entry) => entry !== '').join(delimiter) };
  const elsewhere = path.filter((entry) => isAbsolute(entry) || resolve(directory, entry) !== directory);
  return { ...env, PATH: [...localDirectories(directory), ...elsewhere].join(delimiter) };
}

function localDirectories(directory: string): string[] {
  const trusted = [0, process.geteuid?.(), lookAt(directory)?.uid];
  const found: string[] = [];
  for (let at = directory, above = ''; at !== above; above = at, at = dirname(at)) {
    const candidate = join(at, 'node_modules', '.bin');
    const seen = lookAt(candidate);
    if (seen?.isDirectory() && trusted.includes(seen.uid)) found.push(candidate);
  }
  return found;
}

function lookAt(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

function directoryOf(cwd: string | undefined): string | undefined {
  try {
    return resolve(cwd ?? process.cwd());
  } catch {
    // The current directory was removed.
    return undefined;
  }
}
