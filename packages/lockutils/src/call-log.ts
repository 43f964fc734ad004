import { type Clock, getLogger } from '@oslo-concurrency/core';
import type { AnyFunction } from './wrapped-function.js';

/** One call of a synchronized function, told to the log in oslo's words. */
export class CallLog {
  readonly #lock: string;
  readonly #caller: string;
  readonly #clock: Clock | undefined;
  readonly #start: number;
  #since: number | undefined;

  /** `self` is given for methods; without `clock` nothing is logged. */
  constructor(lock: string, fn: AnyFunction, self: unknown, clock: Clock | undefined) {
    this.#lock = lock;
    this.#caller = nameOfCall(fn, self);
    this.#clock = clock;
    this.#start = clock?.now() ?? 0;
    this.#debug(`Acquiring lock "${lock}" by "${this.#caller}"`);
  }

  /** The lock is held from now on. */
  granted(): void {
    this.#since = this.#clock?.now();
    if (this.#since === undefined) return;
    const waited = seconds(this.#since - this.#start);
    this.#debug(`Lock "${this.#lock}" acquired by "${this.#caller}" :: waited ${waited}`);
  }

  /** The call is over, whether it got the lock or not. */
  ended(): void {
    const end = this.#since === undefined ? 'unacquired' : 'released';
    const held = this.#since === undefined ? 'N/A' : seconds((this.#clock?.now() ?? 0) - this.#since);
    this.#debug(`Lock "${this.#lock}" "${end}" by "${this.#caller}" :: held ${held}`);
  }

  #debug(message: string): void {
    if (this.#clock !== undefined) getLogger().debug(message);
  }
}

const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(3)}s`;

/** How a call is called in the log: `append`, and as a method of `self` `Ledger.append`. */
function nameOfCall(fn: AnyFunction, self: unknown): string {
  const name = fn.name === '' ? '<anonymous>' : fn.name;
  if (self === undefined || self === null) return name;
  const owner = typeof self === 'function' ? self.name : (self as object).constructor?.name;
  return owner === undefined || owner === '' ? name : `${owner}.${name}`;
}
