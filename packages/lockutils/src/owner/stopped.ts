import { liveness } from './liveness.js';
import { readProcStat } from './proc-stat.js';
import type { ProcessIdentity } from './process-identity.js';

/** Whether that process lives and is stopped (SIGSTOP, Ctrl-Z), so that it can do nothing now; `false` when unseen. */
export function isStopped(owner: ProcessIdentity): boolean {
  if (liveness(owner) !== 'alive') return false;
  try {
    return readProcStat(`/proc/${owner.pid}/stat`).state === 'T';
  } catch {
    return false;
  }
}
