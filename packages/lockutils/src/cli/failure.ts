import { isConcurrencyError } from '@oslo-concurrency/core';
import { exitStatus } from './exit-status.js';
import { printable } from './terminal/describe-holder.js';

/** Reports a problem on standard error, in one line without a stack trace. */
export function complain(problem: string): void {
  process.stderr.write(`lockutils: ${printable(problem)}\n`);
}

/**
 * The arguments contradict each other, or ask for something that is not available here. The message is for the user of
 * the command.
 */
export class UsageError extends Error {}

/** Reports the error that ended a command, and returns the exit status. */
export function statusOfFailure(error: unknown): number {
  complain(messageOf(error));
  const misuse = ['ERR_INVALID_OPTION', 'ERR_INVALID_LOCK_NAME'].some((code) => isConcurrencyError(error, code));
  return misuse || error instanceof UsageError ? exitStatus.usage : exitStatus.failure;
}

function messageOf(error: unknown): string {
  // The library's own advice is for programmers.
  if (isConcurrencyError(error, 'ERR_LOCK_PATH_REQUIRED')) {
    return 'no lock path: use --lock-path DIR, set OSLO_LOCK_PATH, or use a --config-file that sets it';
  }
  return error instanceof Error ? error.message : String(error);
}
