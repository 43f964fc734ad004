import type { Grant, Upgrade } from '../driver.js';
import { explained } from './explained.js';
import type { FolderHold } from './folder-hold.js';
import { run, runSync, type Steps } from './steps.js';

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

/** The grant of what `hold` has. `giveBack` releases it, when that takes more than `hold.release`. */
export function lockfileGrant(
  path: string,
  hold: FolderHold,
  { permits, perform, giveBack = () => hold.release() }: GrantFacts,
): Grant {
  return {
    previousOwnerDied: hold.previousOwnerDied,
    release(options) {
      hold.unused = options?.unused === true;
      return perform(explaining(path, 'release', giveBack()));
    },
    ...(permits !== undefined
      ? {}
      : {
          downgrade: () => perform(explaining(path, 'lock', hold.downgrade())),
          upgrade: () => perform(explaining(path, 'lock', beginUpgrade(hold, perform, path))),
        }),
  };
}

/** What {@link lockfileGrant} goes by. */
export interface GrantFacts {
  readonly permits: number | undefined;
  readonly perform: Perform;
  readonly giveBack?: () => Steps<void>;
}

function* beginUpgrade(hold: FolderHold, perform: Perform, path: string): Steps<Upgrade | undefined> {
  if (!(yield* hold.beginUpgrade())) return undefined;
  return {
    attempt: () => perform(explaining(path, 'lock', hold.attemptUpgrade())),
    end: () => perform(hold.endUpgrade()),
  };
}

/** Lets what `steps` throw be ours. */
export function* explaining<T>(path: string, operation: Parameters<typeof explained>[1], steps: Steps<T>): Steps<T> {
  try {
    return yield* steps;
  } catch (error) {
    throw explained(path, operation, error);
  }
}
