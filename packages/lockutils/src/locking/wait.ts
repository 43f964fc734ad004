import type { Clock } from '@oslo-concurrency/core';
import { realTime } from '@oslo-concurrency/core';
import { HeldByThisThreadError } from '../errors.js';
import { pathRegistry } from '../local/turn-registry.js';
import { type Cuttable, nothing } from '../steps.js';
import { blockThread } from './block-thread.js';
import { type LockCall, startOf } from './call.js';
import { DeadlockWatch, holdsFile } from './deadlock/deadlock-watch.js';
import { onAbort } from './on-abort.js';
import { tellWait } from './report.js';

/** Thrown into a wait whose time is up. */
export const timeUp = Symbol('time up');

/** Thrown where a call that is not to wait would have to. */
export const mustWait = Symbol('must wait');

/** How one call waits: with promises, or by stopping the thread. */
export interface Wait {
  /** Called before each wait; tells of the first. Throws where there must be none: for a turn here, or for the driver. */
  begin(what: 'turn' | 'driver'): void;
  /** Hears hints from here on, in place of those heard before. */
  listen(subscribe: (wake: () => void) => () => void): void;
  /** Until the next try may be worth it: a hint, or the interval of the poll. @throws timeUp */
  pause(atMost?: number): void | Promise<void>;
  /** To be called right after each {@link pause}, by the procedure that waits. */
  look(): void;
  /** Whether it was ended: by its time, or by a signal. */
  readonly isOver: boolean;
  /** Ends it: no timer, watcher or listener is left. */
  close(): void;
}

// After a hint the lock is about to become free: its last holder touches the file just before it closes it.
const burst = [0, 1, 2, 4, 8];
const defaultGuard = 50;
const longestTimer = 2 ** 31 - 1;

/** When and why waiting has to end, and how it goes on until then. */
export interface WaitLimits {
  readonly clock: Clock;
  /** The moment to give up, or `Infinity`. */
  readonly deadline: number;
  readonly signal: AbortSignal | undefined;
  /** The interval of the poll that sees what no hint tells: a killed holder, a Python peer. */
  readonly guard: number;
}

/** Waits without stopping the thread; ends at a deadline, by a signal, or by {@link end}. */
export class PatientWait {
  readonly #limits: WaitLimits;
  readonly #forget: (() => void)[] = [];
  #reason: { readonly error: unknown } | undefined;
  #abandon: (() => void) | undefined;
  #resume: (() => void) | undefined;
  #hinted = false;
  #eager = burst.length;
  #unsubscribe = (): void => {};

  constructor(limits: WaitLimits) {
    const { clock, deadline, signal } = limits;
    this.#limits = limits;
    if (deadline !== Number.POSITIVE_INFINITY) {
      this.#forget.push(clock.schedule(deadline - clock.now(), () => this.end(timeUp)));
    }
    if (signal?.aborted) this.end(signal.reason);
    else if (signal !== undefined) {
      // The timer of AbortSignal.timeout() keeps no process awake: it would end in silence before the wait could.
      const awake = realTime.setInterval(nothing, longestTimer);
      this.#forget.push(
        onAbort(signal, () => this.end(signal.reason)),
        () => realTime.clearInterval(awake),
      );
    }
  }

  /** Ends the wait: the step that is waited for rejects, and what it brings later is given back. */
  end(error: unknown): void {
    this.#reason ??= { error };
    this.#abandon?.();
  }

  get isOver(): boolean {
    return this.#reason !== undefined;
  }

  /** For `perform`. Once it has said that the wait is over, it lets what is still to be tidied up take its time. */
  readonly race = ({ value: step, giveBack }: Cuttable): PromiseLike<unknown> => {
    const promise = step as PromiseLike<unknown>;
    if (this.#abandon === told) return promise;
    return new Promise((resolve, reject) => {
      let open = true;
      const settle = (action: () => void): void => {
        if (!open) return;
        open = false;
        if (this.#abandon !== told) this.#abandon = undefined;
        action();
      };
      this.#abandon = () => {
        this.#abandon = told;
        settle(() => reject(this.#reason?.error));
      };
      promise.then(
        (value) => (open ? settle(() => resolve(value)) : giveBack(value as never)),
        (error) => settle(() => reject(error)),
      );
      if (this.#reason !== undefined) this.#abandon();
    });
  };

  listen(subscribe: (wake: () => void) => () => void): void {
    this.#unsubscribe();
    this.#unsubscribe = subscribe(() => this.#hear());
  }

  pause(atMost = this.#limits.guard): Promise<void> {
    if (this.#hinted) {
      this.#hinted = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const delay = Math.min(burst[this.#eager] ?? atMost, atMost);
      this.#eager += 1;
      const cancel =
        delay === 0 ? immediately(() => this.#resume?.()) : this.#limits.clock.schedule(delay, () => this.#resume?.());
      this.#resume = () => {
        this.#resume = undefined;
        cancel();
        resolve();
      };
    });
  }

  /** Ends the {@link pause} that goes on, if there is one. */
  wake(): void {
    this.#resume?.();
  }

  #hear(): void {
    this.#eager = 0;
    if (this.#resume === undefined) this.#hinted = true;
    else this.#resume();
  }

  close(): void {
    this.#unsubscribe();
    this.#unsubscribe = () => {};
    this.#resume?.();
    for (const forget of this.#forget.splice(0)) forget();
  }
}

const told = (): void => {};

function immediately(action: () => void): () => void {
  const immediate = realTime.setImmediate(action);
  return () => realTime.clearImmediate(immediate);
}

/** The wait of one call of `lock()`: nothing is made before there is something to wait for. */
export class CallWait implements Wait {
  readonly #call: LockCall;
  #wait: PatientWait | undefined;
  #begun = false;
  #watch: DeadlockWatch | undefined;

  constructor(call: LockCall) {
    this.#call = call;
  }

  begin(): void {
    if (this.#call.options.blocking === false) throw mustWait;
    if (this.#begun) return;
    this.#begun = true;
    startOf(this.#call);
    tellWait(this.#call);
  }

  get isOver(): boolean {
    return this.#wait?.isOver === true;
  }

  readonly race = (step: Cuttable): PromiseLike<unknown> => this.#patient.race(step);

  listen(subscribe: (wake: () => void) => () => void): void {
    this.#patient.listen(subscribe);
    this.#watch ??= this.#watchForDeadlock();
  }

  look(): void {
    this.#watch?.look();
  }

  pause(atMost?: number): Promise<void> {
    return this.#patient.pause(atMost);
  }

  close(): void {
    this.#wait?.close();
    this.#watch?.close();
  }

  get #patient(): PatientWait {
    const { clock, options } = this.#call;
    const deadline = startOf(this.#call) + (options.timeout ?? Number.POSITIVE_INFINITY);
    this.#wait ??= new PatientWait({ clock, deadline, signal: options.signal, guard: options.delay ?? defaultGuard });
    return this.#wait;
  }

  // A wait with an end of its own needs no other.
  #watchForDeadlock(): DeadlockWatch | undefined {
    const { name, inside, request, clock, options } = this.#call;
    const endless =
      (options.timeout ?? Number.POSITIVE_INFINITY) === Number.POSITIVE_INFINITY && options.signal === undefined;
    if (!endless || inside === undefined || !holdsFile(inside)) return undefined;
    // A permit says nothing about who is in the way.
    if (request === undefined || request.permits !== undefined) return undefined;
    const wants = { path: request.path, shared: request.shared };
    const patient = this.#patient;
    const actions = { wake: () => patient.wake(), found: (error: Error) => patient.end(error) };
    return new DeadlockWatch({ name, wants, inside, clock }, actions);
  }
}

// Short at first, as most locks are held for a moment; then 200 looks a second, some microseconds each.
const pauses = [1, 2, 4];
const longPause = 5;

/** The wait of one call of `lockSync()`: stops the thread. */
export class BlockingWait implements Wait {
  readonly isOver = false;
  readonly #call: LockCall;
  #begun = false;
  #count = 0;

  constructor(call: LockCall) {
    this.#call = call;
  }

  begin(what: 'turn' | 'driver'): void {
    const { options, name } = this.#call;
    if (options.blocking === false) throw mustWait;
    // Shared or counted, this thread holds the file already: whoever is before us may be waiting for that.
    if (what === 'turn' || this.#sharesWithThisThread()) throw new HeldByThisThreadError(name);
    if (this.#begun) return;
    this.#begun = true;
    startOf(this.#call);
    tellWait(this.#call);
  }

  listen(): void {}

  look(): void {}

  pause(): void {
    const { clock, options } = this.#call;
    const left = startOf(this.#call) + (options.timeout ?? Number.POSITIVE_INFINITY) - clock.now();
    if (left <= 0) throw timeUp;
    blockThread(Math.min(left, options.delay ?? pauses[this.#count] ?? longPause));
    this.#count += 1;
  }

  close(): void {}

  #sharesWithThisThread(): boolean {
    const own = this.#call.turns.find(({ registry }) => registry === pathRegistry);
    for (const turn of own?.queue.turns() ?? []) if (turn !== own?.turn) return true;
    return false;
  }
}
