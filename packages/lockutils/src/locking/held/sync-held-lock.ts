import type { SyncHeldLock } from './handles.js';
import type { GrantedLock } from './held-lock.js';

/** The {@link SyncHeldLock} of a granted call. What a `lockSync` was granted does not change: it has no upgrade. */
export class SyncGrantedLock implements SyncHeldLock {
  readonly name: string;
  readonly external: boolean;
  readonly lockFile: string | undefined;
  readonly mode: 'exclusive' | 'shared';
  readonly previousOwnerDied: boolean;
  readonly waitedMs: number;
  readonly #granted: GrantedLock;

  constructor(granted: GrantedLock) {
    this.name = granted.name;
    this.external = granted.external;
    this.lockFile = granted.lockFile;
    this.mode = granted.mode;
    this.previousOwnerDied = granted.previousOwnerDied;
    this.waitedMs = granted.waitedMs;
    this.#granted = granted;
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
