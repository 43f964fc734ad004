import type { Command } from '../../command/command.js';
import { type EndedCommandFacts, ProcessAbortedError, ProcessTimeoutError } from '../../errors/ended-command-errors.js';
import { ProcessExecutionError } from '../../errors/execution-error.js';
import type { StopReason } from '../stop-request.js';

/** The error for a command that was to end before it was started; `durationMs`: how long it was waited for. */
export function stoppedBeforeStart({ shown, timeout }: Command, reason: StopReason, durationMs: number): Error {
  const none = { stdout: '', stderr: '', pid: undefined, endedBy: undefined, remaining: [] };
  const facts: EndedCommandFacts = { cmd: shown, ...none, durationMs };
  if (reason.why === 'timeout') return new ProcessTimeoutError({ ...facts, timeout });
  return new ProcessAbortedError(facts, reason.why === 'abort' ? reason.reason : reason.error);
}

/** The error for a command that was not started, since no process can watch for the end of this one. */
export function unwatched({ shown }: Command): ProcessExecutionError {
  const description = 'The process that ends the command when this one is killed (killOnParentExit) cannot be started.';
  return new ProcessExecutionError({ cmd: shown, description });
}
