import { isConcurrencyError } from '@oslo-concurrency/core';
import { checkCommand } from './command/check-command.js';
import type { Command, CommandArgument, ExecuteOptions } from './command/command.js';
import { letGoOfInput } from './command/feed-input.js';
import {
  type EndedCommandFacts,
  type Output,
  ProcessAbortedError,
  ProcessExecutionError,
  ProcessTimeoutError,
} from './errors.js';
import type { ExecuteResult } from './execute.js';
import { probablyHit } from './limits/hit-limit.js';
import { logEnd, logStart } from './log-policy.js';
import type { LineOrder } from './output/line-order.js';
import type { OutputCapture } from './output/output-capture.js';
import { repeatAttempts } from './run/attempts.js';
import { observeRun } from './run/command-events.js';
import { type Outcome, runCommand } from './run/run-command.js';

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
  if (signal?.aborted) throw new ProcessAbortedError(notStarted(command), signal.reason);
  logStart(command);
  const outcome = await runCommand(command, attempt, observeRun(command)).catch((error: unknown) => {
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

function notStarted({ shown }: Command): EndedCommandFacts {
  return { cmd: shown, stdout: '', stderr: '', pid: undefined, endedBy: undefined, remaining: [], durationMs: 0 };
}
