import { type ProcStat, readProcStat } from './proc-stat.js';
import { ownIdentity, type ProcessIdentity } from './process-identity.js';

/** `unknown`: it cannot be seen from here, so it must be taken for alive. */
export type Liveness = 'alive' | 'dead' | 'unknown';

/** Every Linux kernel gives its first pid namespace this inode number; containers get others. */
export const firstPidNamespace = 4026531836;

/**
 * Tells whether the process (or worker thread) that `owner` names still runs.
 *
 * Promises: `dead` is certain, for whoever acts on it robs a live holder otherwise. A process that is stopped, blocked
 * or a debuggee is `alive`; a zombie is `dead`. Whatever cannot be seen (another machine, another container, a `/proc`
 * that hides or is missing) is `unknown`.
 *
 * Does not see through machines resumed from one memory snapshot: they share a boot id.
 */
export function liveness(owner: ProcessIdentity, self: ProcessIdentity = ownIdentity()): Liveness {
  if (owner.bootId !== self.bootId) return endedWithItsBoot(owner, self) ? 'dead' : 'unknown';
  if (owner.bootId === undefined) return endedWithoutProc(owner, self) ? 'dead' : 'unknown';
  if (owner.pidNamespace === undefined || owner.pidNamespace !== self.pidNamespace) return 'unknown';
  if (owner.startTime === undefined || self.startTime === undefined || owner.timeNamespace !== self.timeNamespace) {
    return pidExists(owner.pid) ? 'unknown' : 'dead';
  }
  return seenInProc(owner, owner.startTime);
}

// Where there never is a `/proc`, host name and pid are all there is to go by. On Linux it is only hidden, and two
// containers with one host name and one lock path would each take the other's holder for dead.
function endedWithoutProc(owner: ProcessIdentity, self: ProcessIdentity): boolean {
  return process.platform !== 'linux' && owner.host === self.host && !pidExists(owner.pid);
}

// A new boot ended everything of the old one, if it was this machine's. Another machine may share the host name
// (`localhost`, a compose file used twice), and a virtual machine or sandbox may share this one's files while running
// a kernel of its own; neither has both the same machine id and the first pid namespace.
function endedWithItsBoot(owner: ProcessIdentity, self: ProcessIdentity): boolean {
  if (owner.bootId === undefined || self.bootId === undefined) return false;
  if (owner.machine === undefined || owner.machine !== self.machine || owner.host !== self.host) return false;
  return owner.pidNamespace === firstPidNamespace && self.pidNamespace === firstPidNamespace;
}

function seenInProc(owner: ProcessIdentity, startTime: number): Liveness {
  const found = statOf(`/proc/${owner.pid}/stat`);
  // `hidepid` answers ENOENT for processes of other users too; kill(2) knows them all.
  if (found === 'missing') return pidExists(owner.pid) ? 'unknown' : 'dead';
  if (found === 'unreadable') return 'unknown';
  if (found.startTime !== startTime) return 'dead';
  // While other threads are left after the first one ended, the process shows as Z and can still write.
  if (isGone(found) && found.threads <= 1) return 'dead';
  if (owner.thread === undefined) return 'alive';
  const thread = statOf(`/proc/${owner.pid}/task/${owner.thread.tid}/stat`);
  if (thread === 'missing') return 'dead';
  if (thread === 'unreadable') return 'unknown';
  return thread.startTime !== owner.thread.startTime || isGone(thread) ? 'dead' : 'alive';
}

function isGone({ state }: ProcStat): boolean {
  return state === 'Z' || state === 'X';
}

function statOf(path: string): ProcStat | 'missing' | 'unreadable' {
  try {
    const stat = readProcStat(path);
    return Number.isSafeInteger(stat.startTime) ? stat : 'unreadable';
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ESRCH' ? 'missing' : 'unreadable';
  }
}

function pidExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}
