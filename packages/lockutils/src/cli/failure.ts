import { isConcurrencyError } from '@oslo-concurrency/core';
import { exitStatus } from './exit-status.js';
import { printable } from './terminal/describe-holder.js';

/** Says on standard error what went wrong, in one line without a stack. */
export function complain(problem: string): void {
  process.stderr.write(`lockutils: ${printable(problem)}\n`);
}

/** The arguments do not go together, or ask for what is not here. Its message is for the user of the command. */
export class UsageError extends Error {}

/** Complains of an error that ended a command, and tells with what status to exit. */
export function statusOfFailure(error: unknown): number {
  complain(messageOf(error));
  const misuse = ['ERR_INVALID_OPTION', 'ERR_INVALID_LOCK_NAME'].some((code) => isConcurrencyError(error, code));
  return misuse || error instanceof UsageError ? exitStatus.usage : exitStatus.failure;
}

function messageOf(error: unknown): string {
  // The library's own advice is for people who write code.
  if (isConcurrencyError(error, 'ERR_LOCK_PATH_REQUIRED')) {
    return 'no lock path: give --lock-path DIR, set OSLO_LOCK_PATH, or give a --config-file that sets it';
  }
  return error instanceof Error ? error.message : String(error);
}
