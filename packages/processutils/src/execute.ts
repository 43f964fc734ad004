import type { CommandArgument, ExecuteOptions } from './command/command.js';
import type { Output } from './errors.js';
import { runExecute } from './execution.js';

/** What {@link execute} resolves to. */
export interface ExecuteResult<Written extends Output = string> {
  /** What the command wrote to stdout, unchanged and unmasked. */
  readonly stdout: Written;
  /** What the command wrote to stderr, unchanged and unmasked. */
  readonly stderr: Written;
  /** Both in one, with the option `all`; see there. */
  readonly all?: Written | undefined;
  /** What the command wrote to each of its `extraDescriptors` that is `'pipe'`; `undefined` at the places of the others. */
  readonly extraOutput: readonly (Written | undefined)[];
  /** How many bytes of stdout were left out because of `maxBuffer`; 0 when it is complete. */
  readonly stdoutTruncated: number;
  /** How many bytes of stderr were left out because of `maxBuffer`; 0 when it is complete. */
  readonly stderrTruncated: number;
  /** `-n` when signal n ended the command. */
  readonly exitCode: number;
  /** How long the last attempt took, in ms. */
  readonly durationMs: number;
  /** How many attempts were made. */
  readonly attempts: number;
  /** The command line, masked. */
  readonly command: string;
}

/** What {@link execute} resolves to with the option `all`. */
export interface InterleavedResult<Written extends Output = string> extends ExecuteResult<Written> {
  readonly all: Written;
}

/**
 * Runs a program with arguments and resolves to what it wrote, once it has ended with an exit code that was expected.
 *
 * No shell reads the arguments. Text is UTF-8; a byte that is none becomes a lone surrogate, as in Python, and is
 * turned back when given as `processInput`. oslo's counterpart: `processutils.execute`.
 *
 * @throws InvalidArgumentError, UnknownArgumentError, NoRootWrapSpecifiedError before anything is started.
 * @throws ProcessExecutionError when it could not be started or ended with another exit code.
 * @throws ProcessTimeoutError, ProcessAbortedError when it was ended, with all its descendants.
 * @example
 * const { stdout } = await execute('git', ['rev-parse', 'HEAD'], { cwd: repository, timeout: 10_000 });
 */
export function execute(
  file: string,
  args: readonly CommandArgument[],
  options: ExecuteOptions & { readonly all: true; readonly binary: true },
): Promise<InterleavedResult<Buffer>>;
export function execute(
  file: string,
  args: readonly CommandArgument[],
  options: ExecuteOptions & { readonly all: true; readonly binary?: false | undefined },
): Promise<InterleavedResult>;
export function execute(
  file: string,
  args: readonly CommandArgument[],
  options: ExecuteOptions & { readonly binary: true },
): Promise<ExecuteResult<Buffer>>;
export function execute(
  file: string,
  args?: readonly CommandArgument[],
  options?: ExecuteOptions & { readonly binary?: false | undefined },
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
  return runExecute(file, args, options);
}
