import { realTime } from '@oslo-concurrency/core';
import { RedisReadOnlyError, RedisTimeoutError, RedisUnreachableError } from '../redis-errors.js';
import type { Script } from '../scripts/script.js';
import type { Connection, ConnectionSource } from './connection.js';
import { endpointFailure } from './endpoint-failure.js';

/** One step: a script with what it is about. */
export interface Step {
  readonly script: Script;
  readonly keys: readonly string[];
  readonly args: readonly string[];
}

/** How long the caller of a step waits. */
export interface StepLimits {
  /** Milliseconds. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
  /** Does not send it again by itself if a connection that stood turns out to be broken; `false` by default. */
  readonly once?: boolean;
  /** Called if the step is answered although its caller has stopped waiting. */
  readonly onLate?: () => void;
}

/** A connection, and how many steps are under way on it. */
interface Track {
  readonly opened: Promise<Connection>;
  pending: number;
  /** No further step is sent on it; the last answer ends it. */
  retired: boolean;
}

/** The caller of a step. */
interface Caller {
  waits: boolean;
  /** Whether the step was sent. */
  sent: boolean;
  track: Track | undefined;
}

/** How long a retired connection may still answer. Milliseconds. */
const grace = 10_000;

/**
 * Runs steps on one connection of the driver's own, which is opened at the first step and after it broke. Every step
 * settles within its timeout, whatever the client and the server do.
 *
 * The connection is not the user's: there, a renewal would queue behind a `BLPOP`, inside somebody else's `MULTI`, or in
 * an offline queue, from which it would be sent when the lease is long over.
 */
export class Lane {
  readonly #source: ConnectionSource;
  readonly #timeout: number;
  #track: Track | undefined;

  /** `timeout`: milliseconds for opening a connection. */
  constructor(source: ConnectionSource, timeout: number) {
    this.#source = source;
    this.#timeout = timeout;
  }

  /** The server, for messages. */
  get endpoint(): string {
    return this.#source.endpoint;
  }

  /** Resolves to the answer's parts. @throws RedisEndpointError; the reason of `signal`. */
  run(step: Step, { timeout, signal, once = false, onLate }: StepLimits): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const caller: Caller = { waits: true, sent: false, track: undefined };
      const settle = (settled: () => void): void => {
        caller.waits = false;
        realTime.clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        settled();
      };
      const onAbort = (): void => settle(() => reject(signal?.reason));
      // Node runs the timers that are due before it reads from sockets and goes on with what was begun. If the timer is
      // late, this process was busy: the answer may have come, or the step may not even be sent. So it gets its time again,
      // once.
      let timer: NodeJS.Timeout;
      const arm = (last: boolean): void => {
        const due = realTime.now() + timeout;
        timer = realTime.setTimeout(() => {
          if (!last && realTime.now() - due > Math.max(20, timeout / 8)) return arm(true);
          // If one step is not answered, the next ones are not sent into the same silence.
          if (caller.track !== undefined) this.#retire(caller.track);
          settle(() => reject(this.#late(timeout, caller.sent)));
        }, timeout);
      };
      // It begins first: opening the first connection loads the client, and that time is not the server's.
      const attempt = this.#attempt(step, caller, once);
      arm(false);
      signal?.addEventListener('abort', onAbort, { once: true });
      attempt.then(
        (answer) => (caller.waits ? settle(() => resolve(answer)) : onLate?.()),
        (error: unknown) => caller.waits && settle(() => reject(error)),
      );
    });
  }

  /** Ends the connection. A later step would open another one. */
  close(): void {
    const track = this.#track;
    this.#track = undefined;
    if (track !== undefined) track.retired = true;
    track?.opened.then((connection) => connection.destroy()).catch(() => {});
  }

  #late(timeout: number, sent: boolean): RedisTimeoutError {
    const { endpoint, secure } = this.#source;
    return new RedisTimeoutError(endpoint, timeout, { sent, secure });
  }

  async #attempt(step: Step, caller: Caller, once: boolean): Promise<readonly string[]> {
    for (let again = false; ; again = true) {
      const wasOpen = this.#track !== undefined;
      const track = this.#open();
      caller.track = track;
      track.pending++;
      caller.sent = false;
      try {
        const connection = await track.opened;
        if (!caller.waits) throw new Error('nobody waits for the step any more');
        caller.sent = true;
        return await evaluate(connection, step);
      } catch (error) {
        const failure = endpointFailure(error, {
          source: this.#source,
          timeout: this.#timeout,
          key: keyOf(step),
          sent: caller.sent,
        });
        const broken = failure instanceof RedisUnreachableError;
        // A replica stays one for this connection. By another one the client may find the master.
        if (broken || failure instanceof RedisReadOnlyError) this.#retire(track);
        // The connection had broken before, and nobody had noticed. All steps may be repeated: an id makes them one.
        if (!broken || !wasOpen || again || once || !caller.waits) throw failure;
      } finally {
        track.pending--;
        this.#endIfRetired(track);
      }
    }
  }

  #open(): Track {
    if (this.#track !== undefined) return this.#track;
    const track: Track = { opened: this.#source.open(this.#timeout), pending: 0, retired: false };
    this.#track = track;
    track.opened.then(
      (connection) => connection.onEnd(() => this.#forget(track)),
      () => this.#forget(track),
    );
    return track;
  }

  #forget(track: Track): void {
    if (this.#track === track) this.#track = undefined;
  }

  /** Sends no more steps on it. It ends when nothing is under way on it any more: a late answer is worth hearing. */
  #retire(track: Track): void {
    this.#forget(track);
    if (track.retired) return;
    track.retired = true;
    this.#endIfRetired(track);
    const destroy = (): void => void track.opened.then((connection) => connection.destroy()).catch(() => {});
    realTime.setTimeout(destroy, grace).unref();
  }

  #endIfRetired(track: Track): void {
    if (!track.retired || track.pending > 0) return;
    track.opened.then((connection) => connection.destroy()).catch(() => {});
  }
}

/** Sends the digest, and the text if the server does not know it: it was restarted, or the script is new to it. */
async function evaluate(connection: Connection, { script, keys, args }: Step): Promise<readonly string[]> {
  let answer: unknown;
  try {
    answer = await connection.runKnown(script, keys, args);
  } catch (error) {
    if (!/\bNOSCRIPT\b/.test(String((error as Error | undefined)?.message))) throw error;
    answer = await connection.run(script, keys, args);
  }
  // Some clients are configured to answer buffers.
  if (!Array.isArray(answer)) throw new Error(`protocol error: a script answered ${String(answer)}`);
  return answer.map(String);
}

function keyOf({ keys }: Step): string {
  return (keys[0] ?? '').replace(/[^:]*$/, '');
}
