import { type ProcStat, readProcStat } from '../../owner/proc-stat.js';

/**
 * Whether the terminal has already sent this signal to the command. The terminal sends Ctrl-C and Ctrl-\ to all
 * processes in its foreground group, and many programs treat a second Ctrl-C as a request to stop immediately.
 */
export function cameToGroup(signal: NodeJS.Signals): boolean {
  if (signal !== 'SIGINT' && signal !== 'SIGQUIT') return false;
  const { group, foreground } = groups() ?? {};
  return group === undefined ? process.stdin.isTTY === true : group === foreground;
}

/** Whether another process has the terminal now: this job runs in the background. */
export function isInBackground(): boolean {
  const { group, foreground } = groups() ?? {};
  return foreground !== undefined && foreground !== noTerminal && group !== foreground;
}

const noTerminal = -1;

function groups(): Pick<ProcStat, 'group' | 'foreground'> | undefined {
  try {
    return readProcStat('/proc/self/stat');
  } catch {
    return undefined;
  }
}
