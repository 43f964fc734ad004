import { DeadlockError } from '../errors.js';
import { onAbort } from '../waiting/on-abort.js';
import type { Patience } from '../waiting/patience.js';
import type { Turn, TurnMode, TurnQueue } from './turn-queue.js';
import { type Body, findCycle, notePending, type PendingWait } from './wait-graph.js';

/** Who asks for a turn, for diagnosis. */
export interface Asker {
  readonly name: string;
  /** The body the call was made in; `undefined` when none is known or detection is off. */
  readonly inside: Body | undefined;
  /** The body that will run under the lock. */
  readonly body: Body | undefined;
}

/**
 * Waits in `queue` for a turn; `undefined` at the deadline, rejects with `signal.reason`. Settles once and leaves
 * nothing in the queue when it did not get the turn.
 *
 * @throws DeadlockError at once when the turn could never come.
 */
export function waitTurn(
  queue: TurnQueue,
  mode: TurnMode,
  asker: Asker,
  patience: Patience,
): Promise<Turn | undefined> {
  return new Promise((resolve, reject) => {
    const { clock, deadline, signal } = patience;
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    let cancelTimer: (() => void) | undefined;
    let forget: (() => void) | undefined;
    let forgetSignal: (() => void) | undefined;
    const stop = (): void => {
      cancelTimer?.();
      forget?.();
      forgetSignal?.();
    };
    const abandon = (): void => {
      stop();
      queue.leave(turn);
      reject(signal?.reason);
    };
    const turn = queue.join(mode, asker.body, () => {
      stop();
      resolve(turn);
    });
    if (turn.state === 'held') {
      resolve(turn);
      return;
    }
    if (asker.inside !== undefined) {
      const wait: PendingWait = { name: asker.name, queue, turn };
      const cycle = findCycle(wait, asker.inside);
      if (cycle !== undefined) {
        queue.leave(turn);
        reject(new DeadlockError(cycle));
        return;
      }
      forget = notePending(wait, asker.inside);
    }
    if (deadline !== Number.POSITIVE_INFINITY) {
      cancelTimer = clock.schedule(deadline - clock.now(), () => {
        stop();
        queue.leave(turn);
        resolve(undefined);
      });
    }
    if (signal !== undefined) forgetSignal = onAbort(signal, abandon);
  });
}
