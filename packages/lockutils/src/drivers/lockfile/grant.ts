import { isConcurrencyError } from '@oslo-concurrency/core';
import { run, runSync, type Steps } from '../../steps.js';
import type { Grant, Upgrade } from '../driver.js';
import type { FileOperation } from '../file-errors.js';
import type { FolderHold } from './folder-hold.js';
import { explained } from './lock-paths.js';

/** Runs the steps synchronously, or returns a promise that settles when they are done. */
export type Perform = <T>(steps: Steps<T>) => T | Promise<T>;

/** Runs procedures one after the other: a release waits for a downgrade that began before it. */
export function performer(synchronous: boolean): Perform {
  if (synchronous) return runSync;
  let last: Promise<unknown> = Promise.resolve();
  return (steps) => {
    const next = last.then(() => run(steps));
    last = next.catch(() => {});
    return next;
  };
}

/**
 * The grant of the lock that `hold` holds. `giveBack` releases it, if that needs more than `hold.release`.
 *
 * A release may be called while an upgrade is under way: it is then queued before the remaining steps of that upgrade.
 * Once the release is done, or has found that the lock was lost, nothing here is ours any more: `upgrade` may be
 * another holder's folder, the lock a writer's. So later calls do nothing. If the system refused the release, the lock
 * is still held, and the release may be called again.
 */
export function lockfileGrant(
  path: string,
  hold: FolderHold,
  { permits, perform, giveBack = () => hold.release() }: GrantFacts,
): Grant {
  let closed = false;
  function* releasing(): Steps<void> {
    try {
      yield* giveBack();
      closed = true;
    } catch (error) {
      closed = isConcurrencyError(error, 'ERR_LOCK_LOST');
      throw error;
    }
  }
  function* unlessClosed<T>(steps: () => Steps<T>, otherwise: T, operation: 'lock' | 'release' = 'lock'): Steps<T> {
    return closed ? otherwise : yield* explaining(path, operation, steps());
  }
  const upgrading: Upgrade = {
    attempt: () => perform(unlessClosed(() => hold.attemptUpgrade(), false)),
    end: () => perform(unlessClosed(() => hold.endUpgrade(), undefined)),
  };
  function* beginning(): Steps<Upgrade | undefined> {
    return (yield* hold.beginUpgrade()) ? upgrading : undefined;
  }
  return {
    previousOwnerDied: hold.previousOwnerDied,
    release(options) {
      hold.unused = options?.unused === true;
      return perform(unlessClosed(releasing, undefined, 'release'));
    },
    refresh: (keepYoung) => perform(unlessClosed(() => hold.refresh(keepYoung), true)),
    ...(permits !== undefined
      ? {}
      : {
          downgrade: () => perform(unlessClosed(() => hold.downgrade(), undefined)),
          upgrade: () => perform(unlessClosed(beginning, undefined)),
        }),
  };
}

/** The facts that {@link lockfileGrant} needs. */
export interface GrantFacts {
  readonly permits: number | undefined;
  readonly perform: Perform;
  readonly giveBack?: () => Steps<void>;
}

/** Turns the errors that `steps` throws into ours. */
export function* explaining<T>(path: string, operation: FileOperation, steps: Steps<T>): Steps<T> {
  try {
    return yield* steps;
  } catch (error) {
    throw explained(path, operation, error);
  }
}
