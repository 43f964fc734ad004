import { accessSync, closeSync, constants, openSync, readSync, statSync } from 'node:fs';
import { isAbsolute, join, win32 } from 'node:path';

/** Why a program cannot be executed, as the system would say it when executing it. */
export type ProgramProblem = 'ENOENT' | 'EACCES' | 'ENOTDIR' | 'ELOOP' | 'ENAMETOOLONG';

// What the C library searches when there is no PATH.
const fallbackPath = '/bin:/usr/bin';

/** The path of a program as the system would find it when started in `cwd`, or the reason why there is none. */
export function findProgram(
  file: string,
  cwd: string | undefined,
  path: string | undefined,
): { readonly path: string } | { readonly problem: ProgramProblem } {
  const named = isPath(file);
  const directories = named ? [''] : (path ?? fallbackPath).split(':');
  let problem: ProgramProblem = 'ENOENT';
  for (const directory of directories) {
    const candidate = from(cwd, join(directory, file));
    const found = problemOf(candidate, cwd);
    if (found === undefined) return { path: candidate };
    if (found === 'EACCES' || named) problem = found;
  }
  return { problem };
}

/** Whether a program is named by its path, so that it is not searched for. */
export function isPath(file: string, platform = process.platform): boolean {
  return platform === 'win32' ? /[\\/:]/.test(file) : file.includes('/');
}

/**
 * The names by which Windows would look for a program, in their order: in the current directory first, then in those of
 * PATH; with each extension of PATHEXT, unless the name has one of its own. Names of variables have no case there.
 */
export function windowsCandidates(
  file: string,
  cwd: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  const variable = (name: string): string | undefined =>
    Object.entries(env).find(([key]) => key.toUpperCase() === name)?.[1];
  const extensions = (variable('PATHEXT') || '.COM;.EXE;.BAT;.CMD').split(';');
  const hasExtension = /\.[^.\\/:]*$/.test(file);
  const names = [...(hasExtension ? [file] : []), ...extensions.map((extension) => file + extension)];
  const directories = isPath(file, 'win32')
    ? ['']
    : ['', ...(variable('PATH') ?? '').split(';').filter((entry) => entry !== '')];
  return directories.flatMap((directory) => {
    const folder = win32.resolve(cwd ?? '', directory.replace(/^"(.*)"$/, '$1'));
    return names.map((name) => win32.resolve(folder, name));
  });
}

/** {@link findProgram} on Windows. */
export function findWindowsProgram(
  file: string,
  cwd: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): { readonly path: string } | { readonly problem: ProgramProblem } {
  const path = windowsCandidates(file, cwd, env).find((candidate) => {
    try {
      return statSync(candidate).isFile();
    } catch {
      return false;
    }
  });
  return path === undefined ? { problem: 'ENOENT' } : { path };
}

/**
 * The search path for programs of our own: `prlimit`, `ps`, `kill`, a root helper.
 *
 * An empty or relative entry of PATH means the current directory, and so does a PATH that is unset, to some systems:
 * a user with the right to write there could make us run any program, as root maybe. What the user asks us to run is searched for
 * as the system does; what we start of our own accord is not.
 */
export function trustedPath(path: string | undefined): string {
  const absolute = (path ?? '').split(':').filter((directory) => isAbsolute(directory));
  return [...absolute, '/usr/bin', '/bin'].join(':');
}

// Without a working directory of its own a path stays relative: `resolve` would fail in one that was removed.
function from(cwd: string | undefined, path: string): string {
  return cwd === undefined || isAbsolute(path) ? path : join(cwd, path);
}

function problemOf(path: string, cwd: string | undefined): ProgramProblem | undefined {
  try {
    if (!statSync(path).isFile()) return 'EACCES';
    accessSync(path, constants.X_OK);
    return interpreterProblem(path, cwd);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return named.find((problem) => problem === code) ?? 'ENOENT';
  }
}

const named = ['EACCES', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG'] as const;

function interpreterProblem(path: string, cwd: string | undefined): ProgramProblem | undefined {
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
    const named = /^#![ \t]*([^\s]+)/.exec(start.toString('latin1', 0, length))?.[1];
    if (named === undefined) return undefined;
    // The kernel looks for a relative one from the directory that the command runs in, not from the script's.
    const interpreter = from(cwd, named);
    if (statSync(interpreter, { throwIfNoEntry: false }) === undefined) return 'ENOENT';
    accessSync(interpreter, constants.X_OK);
    return undefined;
  } finally {
    closeSync(file);
  }
}
