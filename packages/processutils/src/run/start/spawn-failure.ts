import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from '../../command/command.js';
import { ProcessExecutionError } from '../../errors/execution-error.js';
import { isPath } from '../../system/program-search.js';

/**
 * The error for a command that could not be started, saying what is missing.
 *
 * The system's error is rebuilt, not passed on: Node's carries the arguments in `spawnargs`.
 */
export function spawnFailure(command: Command, error: unknown): ProcessExecutionError {
  const { code, errno } = (error ?? {}) as NodeJS.ErrnoException;
  const shownFile = command.mask(command.file);
  const cause = Object.assign(new Error(`spawn ${shownFile} ${code ?? 'failed'}`), { code, errno, syscall: 'spawn' });
  cause.stack = `${cause.name}: ${cause.message}`;
  return new ProcessExecutionError({ cmd: command.shown, description: explain(command, shownFile, code) }, { cause });
}

function explain(command: Command, shownFile: string, code: string | undefined): string {
  const { cwd } = command;
  if (cwd !== undefined && code !== undefined) {
    const problem = directoryProblem(cwd);
    if (problem !== undefined) return `The working directory ${command.mask(cwd)} ${problem}.`;
  }
  switch (code) {
    case 'ENOENT':
      return isPath(command.file)
        ? `The program ${shownFile}, or the interpreter its first line names, does not exist.`
        : `The program ${shownFile} was not found in PATH.`;
    case 'EACCES':
      if (!command.file.includes('/') && !isInPath(command)) {
        return `The program ${shownFile} was not found in PATH, of which some directories may not be read.`;
      }
      return `The program ${shownFile} may not be executed: check its permissions and those of its directory.`;
    case 'ETXTBSY':
      return `The program ${shownFile} could not be started: a process has it open for writing (ETXTBSY).`;
    case 'EMFILE':
    case 'ENFILE':
      return `The program ${shownFile} could not be started: no file descriptors are left (${code}).`;
    case 'EAGAIN':
      return `The program ${shownFile} could not be started: no more processes are allowed (EAGAIN).`;
    case 'E2BIG':
      return 'The arguments and environment are longer than the system allows.';
    default:
      return `The program ${shownFile} could not be started (${code ?? 'no code'}).`;
  }
}

function isInPath({ file, env }: Command): boolean {
  return (env.PATH ?? '').split(':').some((directory) => existsSync(join(directory, file)));
}

function directoryProblem(path: string): string | undefined {
  try {
    return statSync(path).isDirectory() ? undefined : 'is not a directory';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : 'cannot be entered';
  }
}
