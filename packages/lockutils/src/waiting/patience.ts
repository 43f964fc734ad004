import type { Clock } from '@oslo-concurrency/core';

/** How long and how a call is willing to wait. Times are milliseconds of `clock`. */
export interface Patience {
  readonly clock: Clock;
  /** The moment to give up, or `Infinity`. */
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
  /** The interval of the guard poll, which sees what no hint tells: a killed holder, a Python peer. */
  readonly guard: number;
}
