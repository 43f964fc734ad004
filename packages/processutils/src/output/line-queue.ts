import { Writable } from 'node:stream';

/** Lines between a command, which may be faster, and a loop over them, which then holds the command up. */
export class LineQueue {
  #lines: string[] = [];
  #ended = false;
  #held: (() => void)[] = [];
  #wake = (): void => {};

  readonly add = (line: string): void => {
    this.#lines.push(line);
    this.#wake();
  };

  /** There will be no more lines. */
  readonly end = (): void => {
    this.#ended = true;
    this.#wake();
  };

  /**
   * A stream for the output whose lines are added here; the lines of a piece must come before the piece. It takes one piece
   * and no more until its lines are taken: so the queue holds the lines of a piece, and the command waits at a full pipe.
   */
  gate(): Writable {
    return new Writable({
      highWaterMark: 1,
      write: (_piece, _encoding, done) => {
        if (this.#lines.length === 0) done();
        else this.#held.push(done);
      },
    });
  }

  /** The lines that have come, as soon as there is one; `undefined` at the end. A caller that asks has finished with the lines before. */
  async take(): Promise<readonly string[] | undefined> {
    for (const done of this.#held.splice(0)) done();
    while (this.#lines.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const lines = this.#lines;
    this.#lines = [];
    return lines.length === 0 ? undefined : lines;
  }
}
