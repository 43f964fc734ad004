import { isConcurrencyError } from '@oslo-concurrency/core';
import type { CommandArgument, ExecuteOptions } from './command.js';
import { InvalidArgumentError } from './errors.js';
import { execute } from './execute.js';

/** Options of {@link trycmd}: those of `execute`, text only, and one more. */
export interface TrycmdOptions extends Omit<ExecuteOptions, 'binary'> {
  /** Drops what a command that succeeded wrote to stderr; `false` by default. */
  readonly discardWarnings?: boolean | undefined;
}

/** What {@link trycmd} resolves to: `stderr` is empty when the command can be taken for a success. */
export interface TrycmdResult {
  readonly stdout: string;
  /** The command's stderr, or the message of the `ProcessExecutionError` it failed with. */
  readonly stderr: string;
}

/**
 * Runs a command whose failure is a result, not an error: `stdout` is then empty and `stderr` says what went wrong.
 *
 * Timeouts, aborts and misuse reject as they do with `execute`. oslo's counterpart: `processutils.trycmd`.
 *
 * @example
 * const { stderr } = await trycmd('modprobe', ['nbd'], { discardWarnings: true });
 * if (stderr !== '') console.warn(stderr);
 */
export async function trycmd(
  file: string,
  args: readonly CommandArgument[] = [],
  options: TrycmdOptions = {},
): Promise<TrycmdResult> {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidArgumentError('options', 'an object', options);
  }
  const { discardWarnings = false, ...rest } = options;
  if (typeof discardWarnings !== 'boolean') {
    throw new InvalidArgumentError('discardWarnings', 'a boolean', discardWarnings);
  }
  if ('binary' in rest) throw new InvalidArgumentError('binary', 'left out: trycmd gives text', rest.binary);
  try {
    const { stdout, stderr } = await execute(file, args, rest);
    return { stdout, stderr: discardWarnings ? '' : stderr };
  } catch (error) {
    if (isConcurrencyError(error, 'ERR_PROCESS_EXECUTION')) return { stdout: '', stderr: error.message };
    throw error;
  }
}
