import { constants } from 'node:os';

/**
 * What the commands exit with when it is not the status of the command they ran; as flock(1), timeout(1) and env(1) do.
 * `conflict` can be changed by `--conflict-exit-code`.
 */
export const exitStatus = {
  /** `run`: the lock was not free, or not in time. `clean`: something could not be removed. */
  conflict: 1,
  /** Wrong usage (EX_USAGE of sysexits.h). */
  usage: 64,
  /** The lock, or the system, failed; nothing was run (EX_OSERR). */
  failure: 71,
  /** `run --lease`: the lease was lost and the command ended because of it (EX_TEMPFAIL). */
  leaseLost: 75,
  /** The command was found and cannot be executed. */
  notExecutable: 126,
  /** The command was not found. */
  notFound: 127,
} as const;

/** The exit status for a command that was ended by a signal, as shells count: 128+n. */
export function signalStatus(signal: NodeJS.Signals): number {
  return 128 + (constants.signals[signal] ?? 0);
}
