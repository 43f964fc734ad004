import type { Steps } from '../../../steps.js';
import type { Grant, LockRequest, Place } from '../../driver.js';
import { FolderHold } from '../folder-hold.js';
import { lockfileGrant } from '../grant.js';
import { Seats } from '../seats.js';
import type { OwnFolder } from './own-folder.js';
import { TurnPlace } from './place.js';
import type { Turn } from './turn.js';

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
  const hold = new FolderHold(new Seats(turn.fs, turn.lockFile), { label: folder.label }, folder);
  let ready = false;
  function* releasing(): Steps<void> {
    // A downgrade gave the hold another file. A grant that came too late may have a death to pass on.
    const { unused, remove } = hold.asked ?? {};
    ready = turn.comesBack && !unused && !remove && hold.own === folder.own && folder.moveOut();
    if (!ready) yield* hold.release();
  }
  function* freed(): Steps<void> {
    if (!ready) folder.closeFile();
    if (mayPass) turn.slice.release(() => turn.wake());
    else turn.wake();
    turn.exit(ready ? folder : undefined);
  }
  return lockfileGrant(hold, true, freed, releasing);
}
