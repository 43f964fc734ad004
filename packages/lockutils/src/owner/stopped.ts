import { liveness } from './liveness.js';
import { readProcStat } from './proc-stat.js';
import type { ProcessIdentity } from './process-identity.js';

/**
 * Whether that process is alive and stopped (SIGSTOP, Ctrl-Z), so that it cannot do anything now; `false` if unknown.
 */
export function isStopped(owner: ProcessIdentity): boolean {
  if (liveness(owner) !== 'alive') return false;
  try {
    return readProcStat(`/proc/${owner.pid}/stat`).state === 'T';
  } catch {
    return false;
  }
}
