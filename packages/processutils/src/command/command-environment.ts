import { type Stats, statSync } from 'node:fs';
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path';
import { InvalidArgumentError } from '../errors/argument-errors.js';
import { hidden } from './masked-misuse.js';

/** The environment of a command: `env`, in place of this process's own or, with `extend`, over it. */
export function checkEnvironment(env: unknown, extend: boolean): Record<string, string> {
  if (env !== undefined && (typeof env !== 'object' || env === null || Array.isArray(env))) {
    throw new InvalidArgumentError('env', 'an object of strings', hidden(env));
  }
  for (const [name, value] of Object.entries(env ?? {})) {
    // `A=B` as a name would set A, to a value that the caller did not give it.
    if (name === '' || /[=\0]/.test(name)) {
      // What follows is a value, and may be a secret.
      const shown = `${name.replace(/[=\0].*/s, '')}…`;
      throw new InvalidArgumentError('env', 'an object whose keys are not empty and have neither = nor NUL', shown);
    }
    if (value !== undefined && (typeof value !== 'string' || value.includes('\0'))) {
      throw new InvalidArgumentError(`env.${name}`, 'a string without NUL', hidden(value));
    }
  }
  const merged: Record<string, string | undefined> = { ...(env === undefined || extend ? process.env : {}), ...env };
  return namedOnce(Object.entries(merged));
}

/**
 * The variables that have a value. On Windows names have no case, so that `Path` and `PATH` are one variable: the later one
 * counts, and it is `PATH` here.
 */
export function namedOnce(
  entries: readonly (readonly [string, string | undefined])[],
  platform = process.platform,
): Record<string, string> {
  const named = new Map<string, readonly [string, string | undefined]>();
  for (const [name, value] of entries) {
    const upper = platform === 'win32' ? name.toUpperCase() : name;
    named.set(upper, [upper === 'PATH' ? upper : name, value]);
  }
  return Object.fromEntries([...named.values()].filter((entry): entry is [string, string] => entry[1] !== undefined));
}

// What the C library searches when there is no PATH.
const usual = '/bin:/usr/bin';

/**
 * The environment in which the programs of `node_modules/.bin` come before those of `PATH`, the nearest first: of the
 * directory of the command, then of those above it.
 *
 * Not every such folder is local: for `/tmp/build`, any user may have put one into `/tmp`, and would choose what we run. So
 * a folder counts only when it belongs to root, to the user of this process, or to the owner of the command's directory: working
 * there means trusting that owner. An empty entry of `PATH`, or another that is relative and means the command's
 * directory, is left out: what lies there by accident is no program that was installed.
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
