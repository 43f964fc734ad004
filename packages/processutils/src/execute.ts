import { isConcurrencyError } from '@oslo-concurrency/core';
import { checkCommand } from './command/check-command.js';
import type { Command, CommandArgument, ExecuteOptions } from './command/command.js';
import { letGoOfInput } from './command/feed-input.js';
import { type EndedCommandFacts, ProcessAbortedError, ProcessTimeoutError } from './errors/ended-command-errors.js';
import { type Output, ProcessExecutionError } from './errors/execution-error.js';
import { probablyHit } from './limits/hit-limit.js';
import { logEnd, logStart } from './log-policy.js';
import type { LineOrder } from './output/line-order.js';
import type { OutputCapture } from './output/output-capture.js';
import { repeatAttempts } from './run/attempts.js';
import { observeRun } from './run/command-events.js';
import type { Outcome } from './run/outcome.js';
import { runCommand } from './run/run-command.js';
import { stoppedBeforeStart } from './run/start/never-started.js';

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
 * Runs a program with arguments. Resolves to its output when it has ended with an expected exit code.
 *
 * No shell reads the arguments. Text is UTF-8. A byte that is not UTF-8 becomes a lone surrogate, as in Python, and becomes
 * the byte again if you pass it as `processInput`. oslo's counterpart: `processutils.execute`.
 *
 * @param file - The program: a name that is looked up in `PATH`, or a path. With `shell`, the script.
 * @param args - The arguments of the program. Wrap a secret one in `secret()`.
 * @throws InvalidArgumentError, UnknownArgumentError, NoRootWrapSpecifiedError before anything is started.
 * @throws ProcessExecutionError if it could not be started, or ended with another exit code.
 * @throws ProcessTimeoutError, ProcessAbortedError if it was ended, with all its descendants.
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

/** What `execute` does, once it is loaded. */
export async function runExecute(
  file: string,
  args: readonly CommandArgument[],
  options: ExecuteOptions,
): Promise<ExecuteResult<Output>> {
  return runChecked(checkCommand(file, args, options));
}

/** Runs a command that was checked, as often as it asks for. */
export async function runChecked(command: Command): Promise<ExecuteResult<Output>> {
  try {
    return await repeatAttempts(command, (attempt) => attemptCommand(command, attempt));
  } finally {
    letGoOfInput(command);
  }
}

async function attemptCommand(command: Command, attempt: number): Promise<ExecuteResult<Output>> {
  const { signal } = command;
  if (signal?.aborted) throw stoppedBeforeStart(command, { why: 'abort', reason: signal.reason }, 0);
  logStart(command);
  const observer = observeRun(command, attempt);
  const outcome = await runCommand(command, attempt, observer).catch((error: unknown) => {
    observer.notStarted(error);
    throw isConcurrencyError(error, 'ERR_PROCESS_EXECUTION') ? withAttempts(error, attempt) : error;
  });
  const { stdout, stderr, durationMs } = outcome;
  if (outcome.stopped !== undefined) throw stoppedError(command, outcome, outcome.stopped);
  const exitCode = outcome.exitCode ?? 0;
  logEnd(command, `returned: ${exitCode}`, durationMs);
  if (!command.accepts(exitCode)) throw failure(command, outcome, exitCode, attempt);
  const written = { stdout: output(stdout, command), stderr: output(stderr, command) };
  return {
    ...written,
    ...(outcome.order === undefined ? {} : { all: wovenOutput(outcome.order, written) }),
    extraOutput: outcome.extra.outputs((capture) => output(capture, command)),
    stdoutTruncated: stdout.leftOut,
    stderrTruncated: stderr.leftOut,
    exitCode,
    durationMs,
    attempts: attempt,
    command: command.shown,
  };
}

function output(capture: OutputCapture, { binary }: Command): Output {
  return binary ? capture.bytes() : capture.text();
}

function wovenOutput(
  order: LineOrder,
  { stdout, stderr }: { readonly stdout: Output; readonly stderr: Output },
): Output {
  if (typeof stdout === 'string' && typeof stderr === 'string') return order.weave(stdout, stderr);
  const [out, err] = [stdout, stderr].map((bytes) => Buffer.from(bytes as Uint8Array).toString('latin1'));
  return Buffer.from(order.weave(out ?? '', err ?? ''), 'latin1');
}

/** What an error may show of what was written. */
function shownOutput({ mask }: Command, outcome: Outcome) {
  const stdout = outcome.stdout.shown(mask);
  const stderr = outcome.stderr.shown(mask);
  const all = outcome.order?.weave(stdout, stderr);
  const extra = outcome.extra.outputs((capture) => capture.shown(mask));
  return { stdout, stderr, all, extraOutput: extra.length === 0 ? undefined : extra };
}

function failure(command: Command, outcome: Outcome, exitCode: number, attempts: number): ProcessExecutionError {
  const { signal, durationMs } = outcome;
  const written = shownOutput(command, outcome);
  const limit = command.limits && probablyHit(command.limits, { exitCode, stderr: written.stderr, durationMs });
  const description = limit && `The command probably hit its limit ${limit} = ${command.limits[limit]}.`;
  return new ProcessExecutionError({
    ...written,
    exitCode,
    cmd: command.shown,
    description,
    signal,
    attempts,
    durationMs,
    limit,
  });
}

function withAttempts(error: unknown, attempts: number): ProcessExecutionError {
  const failed = error as ProcessExecutionError;
  return new ProcessExecutionError({ ...failed.toJSON(), attempts }, { cause: failed.cause });
}

function stoppedError(command: Command, outcome: Outcome, stopped: NonNullable<Outcome['stopped']>): unknown {
  const { pid, durationMs } = outcome;
  const { reason, endedBy, remaining } = stopped;
  if (reason.why === 'failure') return reason.error;
  logEnd(command, reason.why === 'timeout' ? 'reached timeout' : 'was aborted', durationMs);
  const facts: EndedCommandFacts = {
    cmd: command.shown,
    ...shownOutput(command, outcome),
    pid,
    endedBy,
    remaining,
    durationMs,
  };
  if (reason.why === 'abort') return new ProcessAbortedError(facts, reason.reason);
  return new ProcessTimeoutError({ ...facts, timeout: command.timeout });
}
