import type { LockStatus } from '../../drivers/lock-status.js';

/** A lock that changed; `removed` if its file is gone. */
export type LockChange = Omit<LockStatus, 'state'> & { readonly state: LockStatus['state'] | 'removed' };

/** Compares each listing of a lock path with the one before. */
export class LockChanges {
  #before = new Map<string, { readonly status: LockStatus; readonly facts: string }>();
  #first = true;

  /** The locks that differ from the last listing, by name; of the first listing those that are in use. */
  next(listing: readonly LockStatus[]): LockChange[] {
    const now = new Map(listing.map((status) => [status.name, { status, facts: factsOf(status) }]));
    const changed: LockChange[] = [];
    for (const [name, { status, facts }] of now) {
      const before = this.#before.get(name);
      if (before === undefined ? !this.#first || isInUse(status) : before.facts !== facts) changed.push(status);
    }
    for (const [name, { status }] of this.#before) {
      if (!now.has(name)) changed.push({ ...status, ...nobody, state: 'removed' });
    }
    this.#before = now;
    this.#first = false;
    return changed.sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

const nobody = { holders: [], permits: undefined, waiters: 0, ageMs: undefined, abandonedBy: undefined };

/** Whether a lock is held or waited for, or its last holder died. */
export function isInUse({ state, waiters, abandonedBy }: LockStatus): boolean {
  return state === 'held' || state === 'shared' || (waiters ?? 0) > 0 || abandonedBy !== undefined;
}

// Neither its age nor when it was last used: both change by themselves.
function factsOf({ state, holders, permits, waiters, abandonedBy, note }: LockStatus): string {
  return JSON.stringify([state, holders, permits, waiters, abandonedBy, note]);
}
