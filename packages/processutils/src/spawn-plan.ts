import { constants } from 'node:os';
import type { Command } from './command.js';
import type { CommandMark } from './command-mark.js';
import type { ProcessExecutionError } from './errors.js';
import { originalOpenFilesLimit } from './open-files-limit.js';
import { ProcessLimitsUnavailableError, prlimitOptions, ulimitCommands } from './process-limits.js';
import { findProgram, type ProgramProblem, trustedPath } from './program-search.js';
import type { RootHelper } from './root-helper.js';
import { spawnFailure } from './spawn-failure.js';

/** What to start so that the command runs as it should. */
export interface SpawnPlan {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Puts in front of a command what it needs, from the outside in: limits, the user's wrapper, the root helper, the
 * shell. Without any of them the program is started directly.
 *
 * What sets limits replaces itself by the command, so the pid is the command's. Because it, not we, would then find the
 * program missing, we look for it first: the same error comes either way.
 *
 * @throws ProcessExecutionError when the program, or what stands first in front of it, does not exist.
 * @throws ProcessLimitsUnavailableError when the limits cannot be set here.
 */
export function planSpawn(command: Command, mark: CommandMark | undefined): SpawnPlan {
  const env = mark === undefined ? command.env : mark.environment(command.env);
  const words = wrapped(command);
  const limiter = limitSetter(command, mark);
  const [file = '', ...args] = words;
  if (limiter.length === 0) return { file, args, env };
  const program = findProgram(file, command.cwd, command.env.PATH);
  if ('problem' in program) throw notFound(command, file, program.problem);
  const [setter = '', ...options] = limiter;
  return { file: setter, args: [...options, ...words], env };
}

function wrapped(command: Command): string[] {
  const { file, args, shell, wrapper, rootHelper } = command;
  const helper = rootHelper && trustedHelper(rootHelper, command);
  if (shell === undefined) return [...wrapper, ...(helper?.words ?? []), file, ...args];
  const script = helper === undefined ? file : `${helper.text} ${file}`;
  return [...wrapper, shell, '-c', script, ...args];
}

/** The helper with its path in place of its name, so that nobody else searches for it in the current directory. */
function trustedHelper(helper: RootHelper, command: Command): RootHelper {
  const [name = '', ...words] = helper.words;
  if (name.includes('/')) return helper;
  const found = findProgram(name, undefined, trustedPath(command.env.PATH));
  if ('problem' in found) throw notFound(command, name, found.problem);
  // In a shell's text only a name that stands there plainly is replaced; of `$SUDO` the shell alone knows what it is.
  const plain = helper.text.startsWith(name) && /^[\w./+-]+$/.test(found.path);
  return { text: plain ? found.path + helper.text.slice(name.length) : helper.text, words: [found.path, ...words] };
}

function notFound(command: Command, file: string, code: ProgramProblem): ProcessExecutionError {
  return spawnFailure({ ...command, file }, { code, errno: -constants.errno[code] });
}

function limitSetter({ limits }: Command, mark: CommandMark | undefined): string[] {
  const openFiles = limits?.numberFiles === undefined ? originalOpenFilesLimit() : undefined;
  if (limits === undefined && openFiles === undefined && mark?.limit === undefined) return [];
  const prlimit = findProgram('prlimit', undefined, trustedPath(process.env.PATH));
  if ('path' in prlimit && process.platform === 'linux') {
    const options = limits === undefined ? [] : prlimitOptions(limits);
    if (openFiles !== undefined) options.push(`--nofile=${openFiles}:`);
    if (mark?.limit !== undefined) options.push(`--rttime=${mark.limit}`);
    return options.length === 0 ? [] : [prlimit.path, ...options, '--'];
  }
  const commands = limits === undefined ? [] : ulimitCommands(limits);
  if (openFiles !== undefined) commands.push(`ulimit -S -n ${openFiles}`);
  if (commands.length === 0) return [];
  if (process.platform === 'win32') throw new ProcessLimitsUnavailableError('Windows knows no limits of this kind.');
  return ['/bin/sh', '-c', `${commands.join(' && ')} && exec "$@"`, 'sh'];
}
