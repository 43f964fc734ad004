import { readFileSync } from 'node:fs';

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

const noTerminal = '-1';

function groups(): { readonly group: string; readonly foreground: string } | undefined {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8');
    // The fields after the name in parentheses: state, ppid, process group, session, terminal, foreground group of the
    // terminal.
    const [, , group = '', , , foreground = ''] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { group, foreground };
  } catch {
    return undefined;
  }
}
