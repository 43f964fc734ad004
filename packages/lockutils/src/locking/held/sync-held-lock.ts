import type { SyncHeldLock } from './handles.js';
import type { GrantedLock } from './held-lock.js';

/** The {@link SyncHeldLock} of a granted call, for a caller that stops its thread to wait. */
export class SyncGrantedLock implements SyncHeldLock {
  readonly #granted: GrantedLock;

  constructor(granted: GrantedLock) {
    this.#granted = granted;
  }

  get name(): string {
    return this.#granted.name;
  }

  get external(): boolean {
    return this.#granted.external;
  }

  get lockFile(): string | undefined {
    return this.#granted.lockFile;
  }

  get mode(): 'exclusive' | 'shared' {
    return this.#granted.mode;
  }

  get previousOwnerDied(): boolean {
    return this.#granted.previousOwnerDied;
  }

  get waitedMs(): number {
    return this.#granted.waitedMs;
  }

  get released(): boolean {
    return this.#granted.released;
  }

  release(): void {
    this.#granted.releaseSync();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
