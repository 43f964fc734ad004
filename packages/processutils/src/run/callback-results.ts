/**
 * Follows the functions that the user gave: one that throws and one whose promise rejects fail the command alike.
 *
 * The promises are counted, not kept: a command may write millions of lines.
 */
export class CallbackResults {
  readonly #fail: (error: unknown) => void;
  #pending = 0;
  #failed = false;
  #waiting: (() => void)[] = [];

  constructor(fail: (error: unknown) => void) {
    this.#fail = (error) => {
      this.#failed = true;
      fail(error);
    };
  }

  /** How many of the promises have not settled. */
  get pending(): number {
    return this.#pending;
  }

  /** Calls one of the functions. */
  call(step: () => unknown): void {
    try {
      this.#follow(step());
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The same function for a line, which throws what that throws, and is not called again after a failure. */
  lines(onLine: (line: string) => unknown): (line: string) => void {
    return (line) => {
      if (!this.#failed) this.#follow(onLine(line));
    };
  }

  /** Resolves when all promises have settled. */
  async settled(): Promise<void> {
    while (this.#pending > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #follow(result: unknown): void {
    if (!isThenable(result)) return;
    this.#pending += 1;
    // Not `then` of the value itself, which may call back twice, or throw.
    Promise.resolve(result)
      .catch(this.#fail)
      .finally(() => {
        this.#pending -= 1;
        for (const resolve of this.#waiting.splice(0)) resolve();
      });
  }
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
