import { closeSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';
import { InvalidArgumentError } from '../errors/argument-errors.js';
import { listenShared } from '../system/shared-listener.js';

/** What a command without `processInput` reads on stdin: nothing, or what this process would read. */
export type InputSource = 'ignore' | 'inherit';

/** The source from the option `stdin`. */
export function checkStdin(value: unknown, processInput: unknown): InputSource {
  if (value === undefined || value === 'ignore') return 'ignore';
  if (value !== 'inherit') throw new InvalidArgumentError('stdin', "'ignore' or 'inherit'", value);
  if (processInput === undefined) return value;
  throw new InvalidArgumentError('stdin', "left out or 'ignore' when there is a processInput", value);
}

/**
 * Leaves the keys that interrupt to a command at the terminal, as system(3) does: what an interactive program makes of
 * Ctrl-C is its own affair, and were this process ended by it, the program would go on without a process that waits for it,
 * and read from the terminal together with the user's shell. Returns how to stop.
 *
 * The command stays in the process group of this process. So the terminal sends it these signals, it may read while we
 * may, and Ctrl-Z stops and `fg` continues both as one job.
 */
export function leaveInterruptsTo(stdin: InputSource): () => void {
  // Where the terminal only happens to be there, and the input is a file or a pipe, no user talks to the command.
  if (stdin !== 'inherit' || !isatty(0) || !hasTerminal()) return () => {};
  const stops = (['SIGINT', 'SIGQUIT'] as const).map((signal) =>
    listenShared(
      process,
      signal,
      () => {},
      (listener) => {
        process.on(signal, listener);
        return () => process.off(signal, listener);
      },
    ),
  );
  return () => {
    for (const stop of stops) stop();
  };
}

/** Whether this process has a terminal. The group of this process then gets the terminal's Ctrl-C. */
export function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'));
    return true;
  } catch {
    return false;
  }
}
