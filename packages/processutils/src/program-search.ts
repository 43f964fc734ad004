import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Why a program cannot be executed, as the system would say it when executing it. */
export type ProgramProblem = 'ENOENT' | 'EACCES' | 'ENOTDIR' | 'ELOOP' | 'ENAMETOOLONG' | undefined;

// What the C library searches when there is no PATH.
const fallbackPath = '/bin:/usr/bin';

/** The path of a program as the system would find it, or the reason why there is none. */
export function findProgram(
  file: string,
  cwd: string | undefined,
  path: string | undefined,
): { readonly path: string } | { readonly problem: Exclude<ProgramProblem, undefined> } {
  const directories = file.includes('/') ? [''] : (path ?? fallbackPath).split(':');
  let problem: Exclude<ProgramProblem, undefined> = 'ENOENT';
  for (const directory of directories) {
    const candidate = resolve(cwd ?? '.', join(directory, file));
    const found = problemOf(candidate);
    if (found === undefined) return { path: candidate };
    if (found === 'EACCES' || file.includes('/')) problem = found;
  }
  return { problem };
}

function problemOf(path: string): ProgramProblem {
  try {
    if (!statSync(path).isFile()) return 'EACCES';
    accessSync(path, constants.X_OK);
    return interpreterProblem(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return told.find((problem) => problem === code) ?? 'ENOENT';
  }
}

const told = ['EACCES', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'] as const;

function interpreterProblem(path: string): ProgramProblem {
  const start = Buffer.alloc(256);
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    // Executable, though not readable: the system can tell, we cannot.
    return undefined;
  }
  try {
    const length = readSync(file, start, 0, start.length, 0);
    const interpreter = /^#![ \t]*([^\s]+)/.exec(start.toString('latin1', 0, length))?.[1];
    if (interpreter === undefined) return undefined;
    if (statSync(interpreter, { throwIfNoEntry: false }) === undefined) return 'ENOENT';
    accessSync(interpreter, constants.X_OK);
    return undefined;
  } finally {
    closeSync(file);
  }
}
