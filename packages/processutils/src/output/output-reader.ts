import type { Readable, Writable } from 'node:stream';
import { realTime } from '@oslo-concurrency/core';
import { patience, within } from '../system/patience.js';
import { listenShared } from '../system/shared-listener.js';
import { CommandPipe } from './command-pipe.js';
import { LineSplitter } from './line-splitter.js';
import type { OutputCapture } from './output-capture.js';

/** What gets the lines of a stream. */
export interface LineConsumer {
  readonly onLine: (line: string) => void;
  /** How many bytes a line may have, and the error for one that has more. */
  readonly limit: number;
  readonly tooLong: (limit: number) => Error;
}

/** Where the output of a stream of a command goes, in addition to the capture. */
export interface OutputConsumers {
  readonly lines?: LineConsumer | undefined;
  readonly writable?: Writable | undefined;
  /** Called with each piece once it is in the capture. */
  readonly onPiece?: ((piece: Buffer, capture: OutputCapture) => void) | undefined;
}

/**
 * Reads one stream of a command into a capture, a line callback and a writable, as fast as the writable takes it.
 *
 * A consumer that fails ends the reading: `onFailure` is called once, and the rest of the stream is left unread.
 */
export class OutputReader {
  readonly capture: OutputCapture;
  /** Resolves when the stream has ended, or was closed by {@link close}. */
  readonly closed: Promise<void>;
  /** How many bytes have come. */
  received = 0;
  /** Whether reading waits for the writable. */
  held = false;
  readonly #stream: Readable | null;
  readonly #lines: LineSplitter | undefined;
  readonly #writable: Writable | undefined;
  readonly #onFailure: (error: unknown) => void;
  readonly #onPiece: OutputConsumers['onPiece'];
  #failed = false;

  constructor(
    stream: Readable | null,
    capture: OutputCapture,
    { lines, writable, onPiece }: OutputConsumers,
    onFailure: (error: unknown) => void,
  ) {
    this.capture = capture;
    this.#stream = stream;
    this.#lines = lines && new LineSplitter(lines.onLine, lines.limit, lines.tooLong);
    this.#writable = writable;
    this.#onPiece = onPiece;
    this.#onFailure = onFailure;
    this.closed = new Promise((resolve) => {
      if (stream === null) return resolve();
      const stops = writable === undefined ? [] : this.#listenTo(writable);
      stream.on('data', (chunk: Buffer) => this.#consume(chunk));
      // A reset connection here means that the command's end is gone: the end of its output.
      stream.on('error', () => {});
      stream.once('close', () => {
        this.held = false;
        this.#attempt(() => this.#lines?.end());
        for (const stop of stops) stop();
        resolve();
      });
      return undefined;
    });
  }

  /** Stops reading; the command gets SIGPIPE or EPIPE when it writes more. */
  close(): void {
    this.#stream?.destroy();
  }

  #consume(chunk: Buffer): void {
    this.received += chunk.length;
    this.#attempt(() => {
      this.capture.add(chunk);
      this.#onPiece?.(chunk, this.capture);
      this.#lines?.add(chunk);
      if (this.#writable instanceof CommandPipe && this.#writable.destroyed) {
        this.#writable.lose();
        this.#readNoMore(true);
        return;
      }
      if (this.#writable === undefined || this.#writable.write(chunk)) return;
      this.held = true;
      this.#stream?.pause();
    });
  }

  #listenTo(writable: Writable): (() => void)[] {
    const listen = (event: string, listener: (argument?: unknown) => void): (() => void) =>
      listenShared(writable, event, listener, (shared) => {
        writable.on(event, shared);
        return () => writable.off(event, shared);
      });
    return [listen('error', this.#fail), listen('drain', this.#resume), listen('close', this.#writableClosed)];
  }

  readonly #resume = (): void => {
    this.held = false;
    this.#stream?.resume();
  };

  /** No command reads the output any more: closes it if its writer has written more, and else waits for that or its end. */
  #readNoMore(more: boolean): void {
    if (more) this.close();
    else this.#resume();
  }

  readonly #writableClosed = (): void => {
    if (this.#writable instanceof CommandPipe) this.#readNoMore(this.#writable.isCut);
    else this.#fail(new Error('the stream given for the output of the command was closed before the command ended'));
  };

  #attempt(step: () => void): void {
    if (this.#failed) return;
    try {
      step();
    } catch (error) {
      this.#fail(error);
    }
  }

  readonly #fail = (error: unknown): void => {
    if (this.#failed) return;
    this.#failed = true;
    this.#onFailure(error);
    this.close();
  };
}

// More than a pipe holds: what comes after this amount was written after the command had ended.
const pipeful = 4 * 1024 * 1024;

/**
 * Waits for the end of the output, `limit` ms at most, then for a moment in which there is nothing to read.
 *
 * Everything that the command wrote before it ended is in the pipe when its end is reported, and is read before what other
 * processes that hold the pipe write later: a turn of the event loop that brings nothing, or a pipeful, proves that it has come.
 * A stream that takes the output slowly is waited for, unless the command had to be ended and its time is up.
 */
export async function drainOutput(readers: readonly OutputReader[], limit: number, heldToo: boolean): Promise<void> {
  const allClosed = Promise.all(readers.map(({ closed }) => closed)).then(() => 'closed');
  if ((await within(limit, allClosed)) !== undefined) return;
  const received = (): number => readers.reduce((sum, reader) => sum + reader.received, 0);
  const before = received();
  for (let last = -1, quiet = 0; quiet < 2 && received() - before < pipeful; ) {
    const held = heldToo && readers.some((reader) => reader.held);
    await (held ? patience(5, undefined) : realTime.turn());
    quiet = received() === last && !held ? quiet + 1 : 0;
    last = received();
  }
}
