import { getLogger, realTime } from '@oslo-concurrency/core';
import type { Connection, ConnectionSource } from '../client/connection.js';
import { endpointFailure } from '../client/endpoint-failure.js';

/** Milliseconds between a failed subscription and the next try. */
const retryEvery = 1000;
/** Milliseconds for which the subscription outlives the last waiter. */
const linger = 5000;

/**
 * Calls the waiters of one driver: a release publishes the id of the next waiter on the channel of the driver that the
 * waiter waits at. So one release wakes one waiter in one process. A call may be missed; then the poll finds out.
 *
 * The subscription is made at the first wait, on a connection of its own.
 */
export class WakeCalls {
  readonly #source: ConnectionSource;
  readonly #channel: string;
  readonly #timeout: number;
  readonly #waiters = new Map<string, () => void>();
  #subscribing: Promise<Connection | undefined> | undefined;
  #rest: NodeJS.Timeout | undefined;
  #warned = false;
  #closed = false;

  /** `timeout`: milliseconds for opening a connection. */
  constructor(source: ConnectionSource, channel: string, timeout: number) {
    this.#source = source;
    this.#channel = channel;
    this.#timeout = timeout;
  }

  /** Calls `wake` when it is the turn of `id`, and when calls may have been missed. Returns a function that stops this. */
  listen(id: string, wake: () => void): () => void {
    this.#waiters.set(id, wake);
    realTime.clearTimeout(this.#rest);
    this.#subscribe();
    return () => {
      this.#waiters.delete(id);
      if (this.#waiters.size === 0) this.#restLater();
    };
  }

  close(): void {
    this.#closed = true;
    this.#waiters.clear();
    this.#end();
  }

  #subscribe(): void {
    if (this.#closed || this.#subscribing !== undefined || this.#waiters.size === 0) return;
    const subscribing = this.#open();
    this.#subscribing = subscribing;
    void subscribing.then((connection) => {
      if (this.#subscribing !== subscribing) return connection?.destroy();
      if (connection === undefined) return this.#again(subscribing);
      connection.onEnd(() => this.#again(subscribing));
      // A release before this moment called nobody.
      for (const wake of this.#waiters.values()) wake();
    });
  }

  async #open(): Promise<Connection | undefined> {
    let connection: Connection | undefined;
    try {
      connection = await this.#source.open(this.#timeout);
      await connection.subscribe(this.#channel, (id) => this.#waiters.get(id)?.());
      return connection;
    } catch (error) {
      connection?.destroy();
      const failure = endpointFailure(error, {
        source: this.#source,
        timeout: this.#timeout,
        key: this.#channel,
        sent: connection !== undefined,
      });
      // The waiters report by themselves that a server is away.
      if (!failure.passing && !this.#warned) {
        this.#warned = true;
        getLogger().warn(`Waits for leases are served by polling alone, because of: ${failure.message}`);
      }
      return undefined;
    }
  }

  #again(subscribing: Promise<unknown>): void {
    if (this.#subscribing !== subscribing) return;
    const retry = (): void => {
      if (this.#subscribing !== subscribing) return;
      this.#subscribing = undefined;
      this.#subscribe();
    };
    realTime.setTimeout(retry, retryEvery).unref();
  }

  #restLater(): void {
    this.#rest = realTime.setTimeout(() => this.#end(), linger);
    this.#rest.unref();
  }

  #end(): void {
    realTime.clearTimeout(this.#rest);
    const subscribing = this.#subscribing;
    this.#subscribing = undefined;
    void subscribing?.then((connection) => connection?.destroy());
  }
}
