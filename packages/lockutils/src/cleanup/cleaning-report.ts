import type { KeepReason } from '../drivers/kernel/care/remove-unused.js';
import type { CleanLocksResult } from './lock-path-care.js';

/** What a cleaning comes to, lock by lock. */
export class CleaningReport {
  readonly removed: string[] = [];
  readonly kept: CleanLocksResult['kept'][number][] = [];
  readonly #explained: (error: unknown) => unknown;

  /** `explained` turns the system's error at a file into one for people. */
  constructor(explained: (error: unknown) => unknown) {
    this.#explained = explained;
  }

  /** Cleans one lock; `undefined` of it: there was nothing. What the system refuses ends nothing else. */
  note(name: string, clean: () => 'removed' | KeepReason | undefined): void {
    try {
      const verdict = clean();
      if (verdict === 'removed') this.removed.push(name);
      else if (verdict !== undefined) this.kept.push({ name, reason: verdict });
    } catch (error) {
      this.kept.push({ name, reason: 'failed', error: this.#explained(error) });
    }
  }

  get result(): CleanLocksResult {
    return { removed: this.removed, kept: this.kept };
  }
}
