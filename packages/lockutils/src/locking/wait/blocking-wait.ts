import { HeldByThisThreadError } from '../../errors.js';
import { pathRegistry } from '../../local/turn-registry.js';
import { type LockCall, startOf } from '../call.js';
import { reportWait } from '../report.js';
import { mustWait, timeUp, type Wait } from './wait.js';

// Short at first, because most locks are held for a moment; then 200 checks a second of a few microseconds each.
const pauses = [1, 2, 4];
const longPause = 5;

/** The wait of one call of `lockSync()`. Stops the thread. */
export class BlockingWait implements Wait {
  readonly isOver = false;
  readonly #call: LockCall;
  #begun = false;
  #count = 0;

  constructor(call: LockCall) {
    this.#call = call;
  }

  begin(what: 'turn' | 'driver'): void {
    const { options, name } = this.#call;
    if (options.blocking === false) throw mustWait;
    // This thread already holds the file, shared or with a permit: the waiter before us may be waiting for that.
    if (what === 'turn' || this.#sharesWithThisThread()) throw new HeldByThisThreadError(name);
    if (this.#begun) return;
    this.#begun = true;
    startOf(this.#call);
    reportWait(this.#call);
  }

  listen(): void {}

  look(): void {}

  pause(): void {
    const { clock, options } = this.#call;
    const left = startOf(this.#call) + (options.timeout ?? Number.POSITIVE_INFINITY) - clock.now();
    if (left <= 0) throw timeUp;
    blockThread(Math.min(left, options.delay ?? pauses[this.#count] ?? longPause));
    this.#count += 1;
  }

  close(): void {}

  #sharesWithThisThread(): boolean {
    const own = this.#call.turns.find(({ registry }) => registry === pathRegistry);
    for (const turn of own?.queue.turns() ?? []) if (turn !== own?.turn) return true;
    return false;
  }
}

const never = new Int32Array(new SharedArrayBuffer(4));

/** Stops this thread, including its event loop, for this many milliseconds. Uses no processor time. */
function blockThread(milliseconds: number): void {
  Atomics.wait(never, 0, 0, milliseconds);
}
