import { join } from 'node:path';
import type { Holder } from '../../owner/holder.js';
import { parseIdentityName } from '../../owner/identity-name.js';
import { liveness } from '../../owner/liveness.js';
import { decodeOwnerRecord, holderOf } from '../../owner/owner-record.js';
import { lockPathsOf, seatPathsOf, seatsName, upgradeName } from './lock-paths.js';
import type { Answer, LockfileFs } from './lockfile-fs.js';
import { type Steps, step } from './steps.js';

/** Who has the lock: the one who has it alone, or all who have a seat, those of permits by the number of their seats. */
export function* holdersOf(fs: LockfileFs, lockFile: string): Steps<Holder[]> {
  const { held } = lockPathsOf(lockFile);
  const { seats, upgrade } = seatPathsOf(lockFile);
  const names = [...(yield* orNothing(() => fs.readdir(held)))];
  const holders: Holder[] = [];
  for (const name of names) {
    if (name !== seatsName && name !== upgradeName) holders.push(...(yield* ownerOf(fs, join(held, name), name)));
  }
  const folders = names.includes(upgradeName) ? [upgrade] : [];
  if (names.includes(seatsName)) {
    const taken = [...(yield* orNothing(() => fs.readdir(seats)))];
    folders.push(...taken.sort((a, b) => a.length - b.length || (a < b ? -1 : 1)).map((seat) => join(seats, seat)));
  }
  for (const folder of folders) {
    for (const name of yield* orNothing(() => fs.readdir(folder))) {
      holders.push(...(yield* ownerOf(fs, join(folder, name), name)));
    }
  }
  return holders;
}

function* ownerOf(fs: LockfileFs, path: string, name: string): Steps<Holder[]> {
  const identity = parseIdentityName(name);
  if (identity !== undefined && liveness(identity) === 'dead') return [];
  const record = decodeOwnerRecord(Uint8Array.from(yield* orNothing(() => fs.readFile(path))));
  if (record !== undefined) return [holderOf(record)];
  if (identity !== undefined) return [{ pid: identity.pid, host: identity.host }];
  return [{ label: `not an owner file of this library: ${path}` }];
}

// Released meanwhile, or not readable for us.
function* orNothing<T>(call: () => Answer<Iterable<T>>): Steps<Iterable<T>> {
  try {
    return yield* step(call());
  } catch {
    return [];
  }
}
