import type { Cuttable } from '../../steps.js';
import { DeadlockWatch, holdsFile } from '../deadlock/deadlock-watch.js';
import { PatientWait } from './patient-wait.js';
import { Wait } from './wait.js';

const defaultGuard = 50;
// A look costs more than a short hold, and of many waiters only the first few can be next soon. So the others, which are
// many, look less often.
const farTimes = 4;

/** The wait of one call of `lock()`. Creates nothing before there is something to wait for. */
export class CallWait extends Wait {
  #wait: PatientWait | undefined;
  #watch: DeadlockWatch | undefined;

  override get isOver(): boolean {
    return this.#wait?.isOver === true;
  }

  // Most calls wait for a turn of this process without a limit: nothing can end such a wait early, so it needs no race.
  readonly race = (step: Cuttable): PromiseLike<unknown> =>
    this.#wait === undefined && this.#isEndless ? (step.value as PromiseLike<unknown>) : this.#patient.race(step);

  override listen(subscribe: (wake: () => void) => () => void, early: boolean): void {
    this.#patient.listen(subscribe, early);
    this.#watch ??= this.#watchForDeadlock();
  }

  override look(): void {
    this.#watch?.look();
  }

  pause(atMost?: number, far = false): Promise<void> {
    return this.#patient.pause(far ? farTimes * this.#guard : atMost);
  }

  override close(): void {
    this.#wait?.close();
    this.#watch?.close();
  }

  get #patient(): PatientWait {
    const { clock, options } = this.call;
    const { signal } = options;
    this.#wait ??= new PatientWait({ clock, deadline: this.deadline, signal, guard: this.#guard });
    return this.#wait;
  }

  get #guard(): number {
    return this.call.options.delay ?? defaultGuard;
  }

  get #isEndless(): boolean {
    const { timeout = Number.POSITIVE_INFINITY, signal } = this.call.options;
    return timeout === Number.POSITIVE_INFINITY && signal === undefined;
  }

  // A wait that ends by itself needs no other end.
  #watchForDeadlock(): DeadlockWatch | undefined {
    const { name, inside, request, clock } = this.call;
    if (!this.#isEndless || inside === undefined || !holdsFile(inside)) return undefined;
    // A lock with permits does not show which holder is in the way.
    if (request === undefined || request.permits !== undefined) return undefined;
    const wants = { path: request.path, shared: request.shared };
    const patient = this.#patient;
    const actions = { wake: () => patient.wake(), found: (error: Error) => patient.end(error) };
    return new DeadlockWatch({ name, wants, inside, clock }, actions);
  }
}
