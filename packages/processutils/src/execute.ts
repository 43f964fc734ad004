import { getLogger } from '@oslo-concurrency/core';
import { checkCommand } from './check-command.js';
import type { Command, CommandArgument, ExecuteOptions } from './command.js';
import { type Output, ProcessExecutionError } from './errors.js';
import type { OutputCapture } from './output-capture.js';
import { runCommand } from './run-command.js';

/** What {@link execute} resolves to. */
export interface ExecuteResult<Written extends Output = string> {
  /** What the command wrote to stdout, unchanged and unmasked. */
  readonly stdout: Written;
  /** What the command wrote to stderr, unchanged and unmasked. */
  readonly stderr: Written;
  /** `-n` when signal n ended the command. */
  readonly exitCode: number;
  /** How long the last attempt took, in ms. */
  readonly durationMs: number;
  /** How many attempts were made. */
  readonly attempts: number;
  /** The command line, masked. */
  readonly command: string;
}

/**
 * Runs a program with arguments and resolves to what it wrote, once it has ended with an exit code that was expected.
 *
 * No shell reads the arguments. Text is UTF-8; a byte that is none becomes a lone surrogate, as in Python, and is
 * turned back when given as `processInput`. oslo's counterpart: `processutils.execute`.
 *
 * @throws InvalidArgumentError, UnknownArgumentError before anything is started.
 * @throws ProcessExecutionError when it could not be started or ended with another exit code.
 * @example
 * const { stdout } = await execute('git', ['rev-parse', 'HEAD'], { cwd: repository });
 */
export function execute(
  file: string,
  args: readonly CommandArgument[],
  options: ExecuteOptions & { readonly binary: true },
): Promise<ExecuteResult<Buffer>>;
export function execute(
  file: string,
  args?: readonly CommandArgument[],
  options?: ExecuteOptions & { readonly binary?: false },
): Promise<ExecuteResult>;
export function execute(
  file: string,
  args?: readonly CommandArgument[],
  options?: ExecuteOptions,
): Promise<ExecuteResult<Output>>;
export async function execute(
  file: string,
  args: readonly CommandArgument[] = [],
  options: ExecuteOptions = {},
): Promise<ExecuteResult<Output>> {
  const command = checkCommand(file, args, options);
  getLogger()[command.logLevel](`Running cmd (subprocess): ${command.shown}`);
  const { exitCode, signal, durationMs, stdout, stderr } = await runCommand(command);
  getLogger()[command.logLevel](`CMD "${command.shown}" returned: ${exitCode} in ${(durationMs / 1000).toFixed(3)}s`);
  if (!command.accepts(exitCode)) {
    throw new ProcessExecutionError({
      stdout: command.mask(stdout.text()),
      stderr: command.mask(stderr.text()),
      exitCode,
      cmd: command.shown,
      signal,
      attempts: 1,
      durationMs,
    });
  }
  return {
    stdout: output(stdout, command),
    stderr: output(stderr, command),
    exitCode,
    durationMs,
    attempts: 1,
    command: command.shown,
  };
}

function output(capture: OutputCapture, { binary }: Command): Output {
  return binary ? capture.bytes() : capture.text();
}
