import { hasEnded, type ProcStat, readProcStat } from './proc-stat.js';
import { ownIdentity, type ProcessIdentity } from './process-identity.js';

/** `unknown`: this process cannot see the owner, so it must assume that the owner is alive. */
export type Liveness = 'alive' | 'dead' | 'unknown';

/** Every Linux kernel gives its first pid namespace this inode number; containers get others. */
export const firstPidNamespace = 4026531836;

/**
 * Reports whether the process (or worker thread) that `owner` names still runs.
 *
 * Promises: `dead` is certain, because a caller that acts on it would otherwise take the lock from a live holder. A
 * process that is stopped, blocked or traced is `alive`; a zombie is `dead`. Any owner that cannot be seen (another
 * machine, another container, a `/proc` that hides processes or is missing) is `unknown`.
 *
 * Cannot distinguish machines that were resumed from one memory snapshot: they share a boot id.
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

// On systems that never have a `/proc`, only the host name and the pid are available. On Linux a missing `/proc` is
// only hidden: two containers with the same host name and lock path would each consider the other's holder dead.
function endedWithoutProc(owner: ProcessIdentity, self: ProcessIdentity): boolean {
  return process.platform !== 'linux' && owner.host === self.host && !pidExists(owner.pid);
}

// A reboot ended every process of the previous boot, provided that it was this machine's boot. Another machine may have
// the same host name (`localhost`, a compose file used twice). A virtual machine or sandbox may share this machine's
// files and run its own kernel. Neither has both the same machine id and the first pid namespace.
function endedWithItsBoot(owner: ProcessIdentity, self: ProcessIdentity): boolean {
  if (owner.bootId === undefined || self.bootId === undefined) return false;
  if (owner.machine === undefined || owner.machine !== self.machine || owner.host !== self.host) return false;
  return owner.pidNamespace === firstPidNamespace && self.pidNamespace === firstPidNamespace;
}

function seenInProc(owner: ProcessIdentity, startTime: number): Liveness {
  const found = statOf(`/proc/${owner.pid}/stat`);
  // With `hidepid`, `/proc` also answers ENOENT for processes of other users; kill(2) knows all processes.
  if (found === 'missing') return pidExists(owner.pid) ? 'unknown' : 'dead';
  if (found === 'unreadable') return 'unknown';
  if (found.startTime !== startTime) return 'dead';
  // If the first thread has ended and others still run, the process shows as Z and can still write.
  if (hasEnded(found) && found.threads <= 1) return 'dead';
  if (owner.thread === undefined) return 'alive';
  const thread = statOf(`/proc/${owner.pid}/task/${owner.thread.tid}/stat`);
  if (thread === 'missing') return 'dead';
  if (thread === 'unreadable') return 'unknown';
  return thread.startTime !== owner.thread.startTime || hasEnded(thread) ? 'dead' : 'alive';
}

/** Whether the owner is alive and stopped (SIGSTOP, Ctrl-Z), so that it cannot do anything now; `false` if unknown. */
export function isStopped(owner: ProcessIdentity): boolean {
  const found = statOf(`/proc/${owner.pid}/stat`);
  // Mostly this one look is enough. Whether it was a look at the owner, the liveness shows.
  return typeof found === 'object' && found.state === 'T' && liveness(owner) === 'alive';
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
