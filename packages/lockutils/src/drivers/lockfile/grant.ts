import { isConcurrencyError } from '@oslo-concurrency/core';
import { run, runSync, type Steps } from '../../steps.js';
import type { Grant, Upgrade } from '../driver.js';
import { explained } from './explained.js';
import type { FolderHold } from './folder-hold.js';

/** Runs steps at once, or resolves when they are done. */
export type Perform = <T>(steps: Steps<T>) => T | Promise<T>;

/** One after the other: a release waits for the downgrade that was begun before it. */
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
 * The grant of what `hold` has. `giveBack` releases it, when that takes more than `hold.release`.
 *
 * A release may come while an upgrade is waited for: it then stands before the rest of that upgrade in the row of
 * steps. Once it is done, or has found that the lock was lost, nothing here is ours any more, and `upgrade` may be
 * another one's folder, the lock a writer's; so what comes after it does nothing. A release that the system refused left
 * the lock held, and may be called again.
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

/** What {@link lockfileGrant} goes by. */
export interface GrantFacts {
  readonly permits: number | undefined;
  readonly perform: Perform;
  readonly giveBack?: () => Steps<void>;
}

/** Lets what `steps` throw be ours. */
export function* explaining<T>(path: string, operation: Parameters<typeof explained>[1], steps: Steps<T>): Steps<T> {
  try {
    return yield* steps;
  } catch (error) {
    throw explained(path, operation, error);
  }
}
