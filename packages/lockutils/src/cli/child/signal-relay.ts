import { realTime } from '@oslo-concurrency/core';
import { signalStatus } from '../exit-status.js';
import { forwardedSignals, type RunningChild } from './child-command.js';
import { cameToGroup } from './job-control.js';

/** Takes the signals this process gets, for a command that is to get them instead, or for the wait before it. */
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

  /** Aborts at the first signal that comes while there is no command. */
  get waitSignal(): AbortSignal {
    return this.#abort.signal;
  }

  /** From now on the command gets what comes, and what came between the end of the wait and this. */
  passTo(child: RunningChild): void {
    this.#child = child;
    if (this.endedWait !== undefined) child.kill(this.endedWait);
    this.endedWait = undefined;
  }

  /**
   * Whether the command was ended by a Ctrl-C that the terminal gave to us too. The news of its end can overtake the
   * signal, so this waits for it a little.
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

  /** Lets signals do again what they do by default. */
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

/** Ends this process by the signal, so that whoever waits for it learns that; a status in case it survives. */
export function endBySignal(relay: SignalRelay, signal: NodeJS.Signals): number {
  relay.end();
  process.kill(process.pid, signal);
  return signalStatus(signal);
}
