import { isConcurrencyError } from '@oslo-concurrency/core';
import type { Command } from '../command/command.js';
import type { ProcessExecutionError } from '../errors/execution-error.js';
import { logFailure } from '../log-policy.js';
import { patience } from '../system/patience.js';

/**
 * Calls `run` until it succeeds, as often as the command's `attempts` say, with its delay in between.
 *
 * Tried again is what failed as a {@link ProcessExecutionError}: a timeout, an abort or a bug of a callback is not.
 */
export async function repeatAttempts<T>(command: Command, run: (attempt: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await run(attempt);
    } catch (error) {
      if (!isConcurrencyError(error, 'ERR_PROCESS_EXECUTION')) throw error;
      const left = command.attempts - attempt;
      logFailure(command, error as unknown as ProcessExecutionError, left);
      if (left === 0) throw error;
      const delay = command.retryDelay();
      // An abort ends the pause; the next attempt then finds the signal aborted and says so.
      if (delay > 0) await patience(delay, command.signal);
    }
  }
}
