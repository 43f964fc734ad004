import { realTime } from '@oslo-concurrency/core';
import { signalStatus } from '../exit-status.js';
import type { RunningChild } from './child-command.js';
import { cameToGroup } from './job-control.js';

/**
 * The signals that are passed on: all that end a process by default and that Node can handle. Signals that stop and
 * continue reach the command through its process group. SIGPIPE has no meaning for Node. Faults (SIGSEGV and the like)
 * cannot be passed on.
 */
const forwardedSignals: readonly NodeJS.Signals[] = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGTERM',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGVTALRM',
  'SIGXCPU',
  'SIGIO',
  'SIGPWR',
];

/**
 * Handles the signals that this process receives, for the command that they are passed on to, or for the wait before
 * it.
 */
export class SignalRelay {
  /** The signal that ended the wait, if one did. */
  endedWait: NodeJS.Signals | undefined;
  readonly #abort = new AbortController();
  readonly #received = new Set<NodeJS.Signals>();
  #onReceived = (): void => {};
  #child: RunningChild | undefined;

  constructor() {
    for (const signal of forwardedSignals) process.on(signal, this.#onSignal);
  }

  /** Aborts at the first signal that arrives before the command runs. */
  get waitSignal(): AbortSignal {
    return this.#abort.signal;
  }

  /**
   * From now on the command receives the signals, including one that arrived between the end of the wait and this call.
   */
  passTo(child: RunningChild): void {
    this.#child = child;
    if (this.endedWait !== undefined) child.kill(this.endedWait);
    this.endedWait = undefined;
  }

  /**
   * Whether the command was ended by a Ctrl-C that the terminal also sent to us. The command's exit can be reported
   * before the signal arrives, so this waits a short time for the signal.
   */
  async gotInterruptToo(signal: NodeJS.Signals | undefined): Promise<boolean> {
    if (signal !== 'SIGINT' || !cameToGroup(signal)) return false;
    if (!this.#received.has(signal)) {
      await new Promise<void>((resolve) => {
        const timer = realTime.setTimeout(resolve, 100);
        this.#onReceived = () => {
          realTime.clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.#received.has(signal);
  }

  /** Restores the default action of the signals. */
  end(): void {
    for (const signal of forwardedSignals) process.off(signal, this.#onSignal);
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    this.#received.add(signal);
    this.#onReceived();
    if (this.#child === undefined) {
      this.endedWait ??= signal;
      this.#abort.abort(new Error(`ended by ${signal}`));
    } else if (!cameToGroup(signal)) {
      this.#child.kill(signal);
    }
  };
}

/**
 * Ends this process by the signal, so that its parent sees that signal as the cause. Returns a status in case the
 * process survives.
 */
export function endBySignal(relay: SignalRelay, signal: NodeJS.Signals): number {
  relay.end();
  process.kill(process.pid, signal);
  return signalStatus(signal);
}
