import { spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { basename } from 'node:path';
import type { Command } from '../../command/command.js';
import type { RootHelper } from '../../command/root-helper.js';
import { ProcessExecutionError } from '../../errors/execution-error.js';
import { originalOpenFilesLimit } from '../../limits/open-files-limit.js';
import {
  limitsAbove,
  ProcessLimitsUnavailableError,
  prlimitOptions,
  ulimitCommands,
} from '../../limits/resource-limits.js';
import { findProgram, findWindowsProgram, type ProgramProblem, trustedPath } from '../../system/program-search.js';
import { isWindowsShell } from '../../system/shell-choice.js';
import type { CommandMark } from '../../terminate/command-mark.js';
import type { Front } from './front-failure.js';
import { spawnFailure } from './spawn-failure.js';

/** What to start so that the command runs as it should. */
export interface SpawnPlan {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly front: Front;
  /** Whether anything stands in front at all. */
  readonly inFront: boolean;
  /** Whether Windows gets the arguments as they are, without quotes around them. */
  readonly verbatim: boolean;
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
  const { wrapper, rootHelper } = command;
  const [setter, ...options] = limiter;
  const front = { limiter: setter && basename(setter), wrapper, helper: rootHelper?.words ?? [] };
  const inFront = limiter.length + wrapper.length + front.helper.length > 0;
  if (setter === undefined) {
    // Here a program that is missing would be looked for by cmd.exe, whose own failure looks like one of the program.
    const missing = process.platform === 'win32' && 'problem' in findWindowsProgram(file, command.cwd, command.env);
    if (missing) throw notFound(command, file, 'ENOENT');
    return { file, args, env, front, inFront, verbatim: command.shell !== undefined && isWindowsShell(command.shell) };
  }
  const refused = refusedLimits(command, limiter);
  if (refused !== undefined) throw refused;
  const program = findProgram(file, command.cwd, command.env.PATH);
  if ('problem' in program) throw notFound(command, file, program.problem);
  return { file: setter, args: [...options, ...words], env, front, inFront, verbatim: false };
}

function wrapped(command: Command): string[] {
  const { file, args, shell, wrapper, rootHelper } = command;
  const helper = rootHelper && trustedHelper(rootHelper, command);
  if (shell === undefined) return [...wrapper, ...(helper?.words ?? []), file, ...args];
  const script = helper === undefined ? file : `${helper.text} ${file}`;
  // `/s`: it takes off the outer quotes, and leaves the rest as it is.
  if (isWindowsShell(shell)) return [...wrapper, shell, '/d', '/s', '/c', `"${script}"`];
  return [...wrapper, shell, '-c', script, ...args];
}

/** The helper with its path in place of its name, so that no other program searches for it in the current directory. */
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

/**
 * The error when the system refuses the limits, so that the command would not run. Only one above this process's own hard
 * limit can be refused, and is not for root; so it is tried on a program that does nothing.
 */
function refusedLimits(command: Command, limiter: readonly string[]): ProcessExecutionError | undefined {
  const { limits, uid, gid } = command;
  const above = limits === undefined ? [] : limitsAbove(limits);
  if (limits === undefined || above.length === 0) return undefined;
  const [file = '', ...words] = limiter;
  const env = { PATH: trustedPath(undefined), LC_ALL: 'C' };
  const user = { ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }) };
  const { stderr } = spawnSync(file, [...words, '/bin/true'], { env, cwd: '/', encoding: 'utf8', ...user });
  if (!/failed to set|ulimit/.test(stderr ?? '')) return undefined;
  const named = above.map(([name, hard]) => `${name} = ${limits[name]} (this process may have ${hard} at most)`);
  const description = `The command was not started: its limits are above those of this process: ${named.join(', ')}.`;
  const cause = Object.assign(new Error(stderr.trim()), { code: 'EPERM', errno: -constants.errno.EPERM });
  return new ProcessExecutionError({ cmd: command.shown, description }, { cause });
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
