import { PassThrough } from 'node:stream';

/**
 * What one command of a pipeline writes and the next one reads.
 *
 * To a command whose output goes elsewhere, a stream that is closed is a failure. Here it means that the next command has
 * ended without reading all. The command before is then read on, for it may write nothing more; if it does, its output is
 * closed, as in a shell.
 */
export class CommandPipe extends PassThrough {
  #lost = false;

  /**
   * Whether something was written that no command read. Then the exit code of the writer says little: what is closed is a socket,
   * so a program dies of SIGPIPE, or sees a connection reset and ends as it likes.
   */
  get isCut(): boolean {
    return this.#lost;
  }

  /** For what comes after the next command has ended. */
  lose(): void {
    this.#lost = true;
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (this.readableLength > 0 || this.writableLength > 0) this.#lost = true;
    super._destroy(error, done);
  }
}
