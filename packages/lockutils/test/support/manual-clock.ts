import type { LeaseClock } from '../../src/lease/lease-clock.js';
import { sleepAwareClock } from '../../src/lease/lease-clock.js';

/** A machine whose time the test moves. Milliseconds. */
export class ManualMachine {
  readonly clock: LeaseClock;
  #monotonic = 1000;
  #wall = 5_000_000;
  #boot = 70_000;
  readonly #timers = new Set<{ readonly due: number; readonly action: () => void }>();

  constructor() {
    const base = {
      now: () => this.#monotonic,
      schedule: (delay: number, action: () => void) => {
        const timer = { due: this.#monotonic + delay, action };
        this.#timers.add(timer);
        return () => this.#timers.delete(timer);
      },
    };
    this.clock = sleepAwareClock(base, [() => this.#wall, () => this.#boot]);
  }

  /** Time passes and timers fire; promises get to run after each. */
  async pass(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ due }) => due <= end).sort((a, b) => a.due - b.due);
      if (next === undefined) break;
      this.block(Math.max(0, next.due - this.#monotonic));
      this.#timers.delete(next);
      next.action();
      await settled();
    }
    this.block(end - this.#monotonic);
  }

  /** Time passes and the event loop does not turn. */
  block(ms: number): void {
    this.#monotonic += ms;
    this.#wall += ms;
    this.#boot += ms;
  }

  /** The machine sleeps: the monotonic clock stands still. */
  sleep(ms: number): void {
    this.#wall += ms;
    this.#boot += ms;
  }

  /** Somebody sets the wall clock. */
  setWallClock(by: number): void {
    this.#wall += by;
  }

  get timers(): number {
    return this.#timers.size;
  }
}

/** Lets all promises that can settle do so. */
export function settled(): Promise<void> {
  return new Promise((done) => setImmediate(done));
}
