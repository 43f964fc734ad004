import { HeldByThisThreadError } from '../../errors/lock-errors.js';
import { pathRegistry } from '../../local/turn-registry.js';
import { timeUp, Wait } from './wait.js';

// Short at first, because most locks are held for a moment; then 200 checks a second of a few microseconds each.
const pauses = [1, 2, 4];
const longPause = 5;
// A waiter that is first is often granted the lock within some milliseconds: then each look that comes late leaves the
// lock unused. After these looks, the holder keeps it for long.
const shortPause = 1;
const shortPauses = 20;

const never = new Int32Array(new SharedArrayBuffer(4));

/** The wait of one call of `lockSync()`. Stops the thread with its event loop, and uses no processor time. */
export class BlockingWait extends Wait {
  #count = 0;
  #shortPauses = 0;

  override begin(what: 'turn' | 'driver'): void {
    const { options, name } = this.call;
    // This thread already holds the file, shared or with a permit: the waiter before us may be waiting for that.
    const forThisThread = what === 'turn' || this.#sharesWithThisThread();
    if (options.blocking !== false && forThisThread) throw new HeldByThisThreadError(name);
    super.begin(what);
  }

  /** No hint reaches a stopped thread, so it looks more often for a while. */
  override listen(): void {
    this.#shortPauses = shortPauses;
  }

  pause(atMost = this.call.options.delay ?? this.#nextPause()): void {
    const left = this.deadline - this.call.clock.now();
    if (left <= 0) throw timeUp;
    Atomics.wait(never, 0, 0, Math.min(left, atMost));
  }

  #nextPause(): number {
    if (this.#shortPauses > 0) {
      this.#shortPauses -= 1;
      return shortPause;
    }
    const pause = pauses[this.#count] ?? longPause;
    this.#count += 1;
    return pause;
  }

  #sharesWithThisThread(): boolean {
    const own = this.call.turns.find(({ registry }) => registry === pathRegistry);
    for (const turn of own?.queue.turns() ?? []) if (turn !== own?.turn) return true;
    return false;
  }
}
