import { isConcurrencyError } from '@oslo-concurrency/core';
import { executeOptionNames } from './command/check-command.js';
import type { CommandArgument, ExecuteOptions } from './command/command.js';
import { checkOptions, hidden } from './command/masked-misuse.js';
import { checkNames } from './command/option-values.js';
import { InvalidArgumentError } from './errors/argument-errors.js';
import type { ProcessExecutionError } from './errors/execution-error.js';
import { execute } from './execute.js';

/** Options of {@link trycmd}: those of `execute`, text only, and one more. */
export interface TrycmdOptions extends Omit<ExecuteOptions, 'binary'> {
  /**
   * Drops what a command that succeeded wrote to stderr.
   * @defaultValue `false`
   */
  readonly discardWarnings?: boolean | undefined;
}

const names = [...executeOptionNames.filter((name) => name !== 'binary'), 'discardWarnings'];

/** What {@link trycmd} resolves to: `stderr` is empty when the command can be taken for a success. */
export interface TrycmdResult {
  readonly stdout: string;
  /** The command's stderr, or the message of the `ProcessExecutionError` it failed with. */
  readonly stderr: string;
  /** With the option `all`: both in one, of a failure the message again; stdout alone with `discardWarnings`. */
  readonly all?: string | undefined;
  /** With the option `extraDescriptors`: what the command wrote there, masked after a failure. */
  readonly extraOutput?: readonly (string | undefined)[] | undefined;
}

/**
 * Runs a command whose failure is a result and not an error: `stdout` is then empty, and `stderr` describes the failure.
 *
 * Timeouts, aborts and misuse reject as they do with `execute`. oslo's counterpart: `processutils.trycmd`.
 *
 * @param file - The program: a name that is looked up in `PATH`, or a path. With `shell`, the script.
 * @param args - The arguments of the program. Wrap a secret one in `secret()`.
 * @example
 * const { stderr } = await trycmd('modprobe', ['nbd'], { discardWarnings: true });
 * if (stderr !== '') console.warn(stderr);
 */
export async function trycmd(
  file: string,
  args: readonly CommandArgument[] = [],
  options: TrycmdOptions = {},
): Promise<TrycmdResult> {
  const discardWarnings = checkOptions(options, names, () => {
    if (typeof options !== 'object' || options === null) {
      throw new InvalidArgumentError('options', 'an object', hidden(options));
    }
    if ('binary' in options) throw new InvalidArgumentError('binary', 'left out: trycmd gives text', options.binary);
    checkNames(options, names);
    const { discardWarnings: value = false } = options;
    if (typeof value !== 'boolean') throw new InvalidArgumentError('discardWarnings', 'a boolean', value);
    return value;
  });
  const { discardWarnings: _, ...rest } = options;
  try {
    const { stdout, stderr, all, extraOutput } = await execute(file, args, rest);
    return result(rest, stdout, discardWarnings ? '' : stderr, discardWarnings ? stdout : all, extraOutput);
  } catch (error) {
    if (!isConcurrencyError(error, 'ERR_PROCESS_EXECUTION')) throw error;
    const { message, extraOutput } = error as unknown as ProcessExecutionError;
    return result(rest, '', message, message, extraOutput ?? []);
  }
}

function result(
  asked: ExecuteOptions,
  stdout: string,
  stderr: string,
  all: string | undefined,
  extraOutput: readonly (string | undefined)[],
): TrycmdResult {
  const extra = asked.extraDescriptors === undefined ? {} : { extraOutput };
  return { stdout, stderr, ...(asked.all === true ? { all } : {}), ...extra };
}
