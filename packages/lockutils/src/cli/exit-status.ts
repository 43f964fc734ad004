import { constants } from 'node:os';

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
