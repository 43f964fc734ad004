import { closeSync, openSync } from 'node:fs';

/** Whether this process has a terminal, whose Ctrl-C its group gets. */
export function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
