import { constants } from 'node:os';
import { basename } from 'node:path';
import type { Command } from '../../command/command.js';
import { ProcessExecutionError } from '../../errors/execution-error.js';
import type { EndWitness } from '../end-witness.js';
import { spawnFailure } from './spawn-failure.js';

/** What stands in front of a command: the words of what sets limits, of the wrapper, of the root helper. */
export interface Front {
  readonly limiter: string | undefined;
  readonly wrapper: readonly string[];
  readonly helper: readonly string[];
}

// By POSIX and custom: the program in front failed itself, could not execute the next one, did not find it.
const conventional = [125, 126, 127];

// sudo and doas have no number of their own for that; oslo.rootwrap's are documented.
const ofHelpers = [1, 96, 97, 98, 99];

// sudo goes on after this one.
const warning = /^sudo: unable to resolve host /;

const errors: readonly (readonly [RegExp, keyof typeof constants.errno])[] = [
  [/text file busy/i, 'ETXTBSY'],
  [/permission denied/i, 'EACCES'],
  [/no such file|not found/i, 'ENOENT'],
  [/argument list too long/i, 'E2BIG'],
  [/exec format error/i, 'ENOEXEC'],
  [/cannot allocate memory/i, 'ENOMEM'],
  [/operation not permitted/i, 'EPERM'],
  [/temporarily unavailable/i, 'EAGAIN'],
];

/**
 * The error for a command that never ran, because what stands in front of it could not start it and ended with an exit
 * code of its own; `undefined` when nothing says so.
 *
 * The exit code alone does not: the command's own may be the same. So it also takes the words of the program in front,
 * as the last line of stderr, or its name as that of the process that ended. A command that has neither (stderr is not
 * captured, and its end was not seen) is believed to have exited itself.
 */
export function frontFailure(
  command: Command,
  { limiter, wrapper, helper }: Front,
  exitCode: number,
  witness: EndWitness,
): ProcessExecutionError | undefined {
  if (exitCode <= 0) return undefined;
  const line = witness.lastLines.filter((text) => !warning.test(text)).at(-1) ?? '';
  const next = command.shell ?? command.file;
  const first = [...wrapper, ...(command.shell === undefined ? helper : []), next][0] ?? '';
  if (limiter !== undefined && basename(next) !== limiter) {
    const said = limiter === 'sh' ? /^sh: (line )?\d+: exec: / : /^prlimit: failed to execute /;
    const seen = witness.program === limiter && limiter !== 'sh' && [1, ...conventional].includes(exitCode);
    if (seen || said.test(line)) return spawnFailure({ ...command, file: first }, causeIn(line));
  }
  const speaks = (words: readonly string[], codes: readonly number[]): boolean =>
    codes.includes(exitCode) && words.some((word) => isSpoken(word, line, witness, next));
  if (!speaks(wrapper, conventional) && !speaks(helper, [...ofHelpers, ...conventional])) return undefined;
  const cause = causeIn(line);
  const said = line === '' ? `exit code ${exitCode}` : command.mask(line);
  const error = Object.assign(new Error(said), cause);
  error.stack = `${error.name}: ${said}`;
  return new ProcessExecutionError(
    { cmd: command.shown, description: `The command could not be started: ${said}` },
    { cause: error },
  );
}

function isSpoken(word: string, line: string, { program }: EndWitness, next: string): boolean {
  const name = basename(word);
  if (name === '' || name.startsWith('-') || name === basename(next)) return false;
  // Some call themselves by their path.
  const speaker = basename(line.slice(0, Math.max(0, line.indexOf(': '))));
  return speaker === name || program === name.slice(0, 15);
}

function causeIn(line: string): { readonly code: string | undefined; readonly errno: number | undefined } {
  const code = errors.find(([words]) => words.test(line))?.[1];
  return { code, errno: code === undefined ? undefined : -constants.errno[code] };
}
