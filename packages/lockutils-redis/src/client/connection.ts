import type { Script } from '../scripts/script.js';

/** What is used of a connection, whichever client it is made with. */
export interface Connection {
  /** Whether it can still be used. */
  readonly open: boolean;
  /** Runs a script that the server knows by its digest. Rejects with `NOSCRIPT` if it does not. */
  runKnown(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown>;
  /** Runs a script, whose text is sent. */
  run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown>;
  /** Subscribes to one channel. The connection is used for nothing else then. */
  subscribe(channel: string, listener: (message: string) => void): Promise<void>;
  /** Calls `listener` once when it breaks or is destroyed. */
  onEnd(listener: () => void): void;
  /** Ends it at once; what is under way on it rejects. */
  destroy(): void;
}

/** Where connections come from: a client of the user's own, or a URL. */
export interface ConnectionSource {
  /** Host and port, or the path of the socket; never a password. */
  readonly endpoint: string;
  /** Whether it asks for TLS. */
  readonly secure: boolean;
  /**
   * A connection that is ready. It never reconnects by itself and queues nothing while it is broken: a step must not be
   * carried out later, when nobody waits for it any more. Rejects with what the client says, after about `timeout` ms at
   * the latest if nobody answers.
   */
  open(timeout: number): Promise<Connection>;
}
