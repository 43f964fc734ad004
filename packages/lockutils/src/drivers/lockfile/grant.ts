import { isConcurrencyError } from '@oslo-concurrency/core';
import { run, runSync, type Steps } from '../../steps.js';
import type { Grant, Upgrade } from '../driver.js';
import type { FileOperation } from '../file-errors.js';
import type { FolderHold } from './folder-hold.js';
import { explained } from './lock-paths.js';
import { ModeChange } from './mode-change.js';
import { wakeFirst } from './turns/waiters.js';

/**
 * The grant of the lock that `hold` holds. `synchronous`: no method returns a promise. `releasing` releases the lock, if
 * that needs more than `hold.release`. `freed` is called when it was released, and never throws.
 *
 * A release may be called while an upgrade is under way: it is then queued before the remaining steps of that upgrade.
 * Once the release is done, or has found that the lock was lost, nothing here is ours any more: `upgrade` may be
 * another holder's folder, the lock a writer's. So later calls do nothing. If the system refused the release, the lock
 * is still held, and the release may be called again.
 */
export function lockfileGrant(
  hold: FolderHold,
  synchronous: boolean,
  freed = (): Steps<unknown> => wakeFirst(hold.seats),
  releasing = (): Steps<void> => hold.release(),
): Grant {
  const { lockFile } = hold.seats;
  const change = new ModeChange(hold);
  const perform = performer(synchronous);
  let closed = false;
  function* closing(): Steps<void> {
    try {
      yield* releasing();
      closed = true;
    } catch (error) {
      closed = isConcurrencyError(error, 'ERR_LOCK_LOST');
      throw error;
    } finally {
      if (closed) yield* freed();
    }
  }
  function* sharing(changing: Steps<void>): Steps<void> {
    yield* changing;
    yield* wakeFirst(hold.seats);
  }
  function* unlessClosed<T>(steps: () => Steps<T>, otherwise: T, operation: FileOperation = 'lock'): Steps<T> {
    return closed ? otherwise : yield* explaining(lockFile, operation, steps());
  }
  const upgrading: Upgrade = {
    attempt: () => perform(unlessClosed(() => change.attemptUpgrade(), false)),
    end: () => perform(unlessClosed(() => sharing(change.endUpgrade()), undefined)),
  };
  function* beginning(): Steps<Upgrade | undefined> {
    return (yield* change.beginUpgrade()) ? upgrading : undefined;
  }
  return {
    previousOwnerDied: hold.previousOwnerDied,
    release(options) {
      hold.asked = options;
      return perform(unlessClosed(closing, undefined, 'release'));
    },
    refresh: (keepYoung) => perform(unlessClosed(() => hold.refresh(keepYoung), true)),
    // A lock with permits cannot become exclusive or a reader's.
    ...(hold.facts.permits !== undefined
      ? {}
      : {
          downgrade: () => perform(unlessClosed(() => sharing(change.downgrade()), undefined)),
          upgrade: () => perform(unlessClosed(beginning, undefined)),
        }),
  };
}

/** Runs procedures one after the other: a release waits for a downgrade that began before it. */
function performer(synchronous: boolean): <T>(steps: Steps<T>) => T | Promise<T> {
  if (synchronous) return runSync;
  let last: Promise<unknown> = Promise.resolve();
  return (steps) => {
    const next = last.then(() => run(steps));
    last = next.catch(() => {});
    return next;
  };
}

/** Turns the errors that `steps` throws into ours. */
export function* explaining<T>(lockFile: string, operation: FileOperation, steps: Steps<T>): Steps<T> {
  try {
    return yield* steps;
  } catch (error) {
    throw explained(lockFile, operation, error);
  }
}
