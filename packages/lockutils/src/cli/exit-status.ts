import { constants } from 'node:os';
import { isConcurrencyError } from '@oslo-concurrency/core';
import { complain } from './terminal/output.js';

/**
 * The exit statuses of the commands, if it is not the status of the command they ran; as flock(1), timeout(1) and
 * env(1) do. `--conflict-exit-code` changes `conflict`.
 */
export const exitStatus = {
  /** `run`: the lock was not free, or not in time. `clean`: something could not be removed. */
  conflict: 1,
  /** Wrong usage (EX_USAGE of sysexits.h). */
  usage: 64,
  /** The lock or the system failed; the command was not run (EX_OSERR). */
  failure: 71,
  /** `run --lease`: the lease was lost, which ended the command (EX_TEMPFAIL). */
  leaseLost: 75,
  /** The command was found and cannot be executed. */
  notExecutable: 126,
  /** The command was not found. */
  notFound: 127,
} as const;

/** The exit status for a command that was ended by a signal, as shells count it: 128+n. */
export function signalStatus(signal: NodeJS.Signals): number {
  return 128 + (constants.signals[signal] ?? 0);
}

/**
 * The arguments contradict each other, or ask for something that is not available here. The message is for the user of
 * the command.
 */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
}

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
