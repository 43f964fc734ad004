import { getLogger, systemClock } from '@oslo-concurrency/core';
import type { LeaseRequest } from '../../drivers/lease-driver.js';
import { unlessAborted } from '../../local/settle-once.js';
import { LeaseUnansweredError } from '../errors.js';
import { atMost } from './pause.js';

/** What goes on behind calls that have settled: places and grants that are being removed from the engine. */
export class Cleanup {
  readonly #engine: string;
  readonly #work = new Map<Promise<unknown>, Pick<LeaseRequest, 'name' | 'ttl'>>();

  constructor(engine: string) {
    this.#engine = engine;
  }

  /**
   * Runs `work` in the background, with a signal that aborts after the ttl and 1.5 s: by then what it removes has ended by
   * itself. Never rejects; a failure is logged.
   */
  add({ name, ttl }: Pick<LeaseRequest, 'name' | 'ttl'>, work: (limit: AbortSignal) => Promise<unknown>): void {
    const limit = new AbortController();
    const stopTimer = systemClock.schedule(ttl + 1500, () =>
      limit.abort(new LeaseUnansweredError(name, 'release', ttl + 1500)),
    );
    const watched: Promise<unknown> = unlessAborted(work(limit.signal), limit.signal)
      .catch((error: unknown) =>
        getLogger().warn(
          `A place in the ${this.#engine} queue for ${name} could not be removed, it expires by its ttl of ${ttl} ms: ` +
            String(error),
        ),
      )
      .finally(() => {
        stopTimer();
        this.#work.delete(watched);
      });
    this.#work.set(watched, { name, ttl });
  }

  /** What is being removed for one name. */
  of(name: string): readonly Promise<unknown>[] {
    return [...this.#work].filter(([, place]) => place.name === name).map(([work]) => work);
  }

  /** Resolves when all is removed, or within the longest ttl + 1.7 s; then the log says what is left. */
  async end(): Promise<void> {
    const longest = Math.max(0, ...[...this.#work.values()].map(({ ttl }) => ttl));
    await atMost(longest + 1700, this.#all());
    if (this.#work.size === 0) return;
    const names = [...new Set([...this.#work.values()].map(({ name }) => name))].join(', ');
    getLogger().warn(
      `Closed the ${this.#engine} lease driver without an answer of the engine: left behind are ${this.#work.size} ` +
        `places in the queues for ${names}, which expire by their ttl, ${longest} ms at most`,
    );
  }

  async #all(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work.keys());
  }
}
