import type { Grant, LockRequest, Place } from '../../driver.js';
import { FolderHold } from '../folder-hold.js';
import { lockfileGrant } from '../grant.js';
import { Seats } from '../seats.js';
import { isCode } from '../system.js';
import type { OwnFolder } from './own-folder.js';
import { TurnPlace } from './place.js';
import type { Turn } from './turn.js';
import { wakeFirst } from './waiters.js';

/** Acquires the lock exclusively with a folder of this thread, if that can be done at once. */
export function takeInTurn(turn: Turn, { label }: LockRequest, by: Place | 'newcomer' | undefined): Grant | undefined {
  if (by instanceof TurnPlace) {
    if (!by.moveIn()) return undefined;
    turn.slice.begin();
    return grantInTurn(turn, by.folder, !by.ordered);
  }
  const folder = turn.folder(label);
  turn.enter();
  if (!folder.moveIn()) {
    turn.exit(folder);
    return undefined;
  }
  turn.slice.keep();
  return grantInTurn(turn, folder, true);
}

/**
 * The grant of a lock that `folder` moved into. As long as its mode was not changed, a thread that comes back releases it
 * by moving out. All else is done as for any other hold.
 */
function grantInTurn(turn: Turn, folder: OwnFolder, mayPass: boolean): Grant {
  const { fs, path } = turn;
  let closed = false;
  let whole: Required<Grant> | undefined;
  const released = (ready?: OwnFolder): void => {
    if (mayPass) turn.slice.release(() => turn.wake());
    else turn.wake();
    turn.exit(ready);
  };
  const asWhole = (mayBeReleased = false): Required<Grant> => {
    const facts = { label: folder.label, mayBeReleased };
    whole ??= lockfileGrant(new FolderHold(new Seats(fs, path), facts, folder), true, function* (done) {
      if (done) {
        folder.closeFile();
        released();
      } else yield* wakeFirst(fs, path);
    }) as Required<Grant>;
    return whole;
  };
  return {
    previousOwnerDied: folder.previousOwnerDied,
    release(options) {
      if (closed) return undefined;
      if (whole !== undefined || !turn.comesBack || options?.unused === true) return asWhole().release(options);
      try {
        folder.moveOut();
      } catch (error) {
        // There may be no room for a new folder. The file shows whether the lock is still held.
        return asWhole(!isCode(error, 'ENOENT')).release(options);
      }
      closed = true;
      released(folder);
    },
    refresh: (keepYoung) => closed || asWhole().refresh(keepYoung),
    downgrade: () => (closed ? undefined : asWhole().downgrade()),
    upgrade: () => (closed ? undefined : asWhole().upgrade()),
  };
}
