import { findProcess } from './process-table.js';

/**
 * Whether `pid`, or the group -`pid`, can be of a command: not 0 and -1, which mean our own group and every process; not the
 * machine's first process; neither we nor our parent.
 */
export function mayBeSignalled(pid: number): boolean {
  const target = Math.abs(pid);
  return Number.isSafeInteger(pid) && target > 1 && target !== process.pid && target !== process.ppid;
}

/**
 * Sends a signal, unless {@link mayBeSignalled} forbids it or the process did not start at `start`: pids are reused. What
 * is left is the moment between looking and sending, in which a process would have to end, be waited for, and its number
 * come round again.
 */
export function sendSignal(pid: number, signal: NodeJS.Signals | 0, start?: number): 'sent' | 'gone' | 'refused' {
  if (!mayBeSignalled(pid)) return 'gone';
  // Without /proc the process cannot be looked at; it is taken for the one that was meant.
  const found = start === undefined || pid < 0 || process.platform !== 'linux' ? undefined : findProcess(pid);
  if (found !== undefined && found.start !== start) return 'gone';
  try {
    process.kill(pid, signal);
    return 'sent';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? 'refused' : 'gone';
  }
}
