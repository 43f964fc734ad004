import { ConcurrencyError } from '@oslo-concurrency/core';

/**
 * The lock was not ours any more when it was released: somebody removed its owner file by hand, and another process may
 * have had it meanwhile. Nothing was released, so a successor is not hurt.
 */
export class LockLostError extends ConcurrencyError {
  readonly code = 'ERR_LOCK_LOST';
  /** The lock file. */
  readonly path: string;

  constructor(path: string, cause?: unknown) {
    super(
      `The lock ${path} was taken away while it was held: its owner file is gone. Do not remove files below .oslo-concurrency while locks are in use`,
      { cause },
    );
    this.path = path;
  }
}
