import { join } from 'node:path';
import type { Holder } from '../../owner/holder.js';
import { parseIdentityName } from '../../owner/identity-name.js';
import { decodeOwnerRecord, holderOf } from '../../owner/owner-record.js';
import { type Steps, step } from '../../steps.js';
import { isNumber, lockPathsOf, seatPathsOf, seatsName, upgradeName } from './lock-paths.js';
import { isOfDead } from './owner-file.js';
import { type LockfileFs, namesIn } from './system.js';

/** An owner file in the folder of a lock, of a live or dead owner. */
export interface OwnerEntry {
  readonly path: string;
  readonly name: string;
  /** The mode in which its owner holds the lock, or held it. */
  readonly as: 'alone' | 'permit' | 'reader';
}

/**
 * The holders of the lock: the exclusive holder, or all holders of seats, those with permits by the number of their
 * seats.
 */
export function* holdersOf(fs: LockfileFs, lockFile: string): Steps<Holder[]> {
  const holders: Holder[] = [];
  try {
    for (const { path, name } of yield* ownersOf(fs, lockFile)) {
      if (!isOfDead(name)) holders.push(yield* holderBehind(fs, path, name));
    }
  } catch {
    // A folder is not readable for us. This is only for messages.
  }
  return holders;
}

/**
 * The owner files in the folder of a lock, in the order of {@link holdersOf}. @throws the system's error if a folder is
 * not readable: then nothing is known about the lock.
 */
export function* ownersOf(fs: LockfileFs, lockFile: string): Steps<OwnerEntry[]> {
  const { held } = lockPathsOf(lockFile);
  const { seats, upgrade } = seatPathsOf(lockFile);
  const names = yield* namesIn(fs, held);
  const owners: OwnerEntry[] = names
    .filter((name) => name !== seatsName && name !== upgradeName)
    .map((name) => ({ path: join(held, name), name, as: 'alone' }));
  const folders: [folder: string, as: OwnerEntry['as']][] = names.includes(upgradeName) ? [[upgrade, 'reader']] : [];
  if (names.includes(seatsName)) {
    const taken = yield* namesIn(fs, seats);
    for (const seat of taken.sort((a, b) => a.length - b.length || (a < b ? -1 : 1))) {
      folders.push([join(seats, seat), isNumber(seat) ? 'permit' : 'reader']);
    }
  }
  for (const [folder, as] of folders) {
    for (const name of yield* namesIn(fs, folder)) {
      owners.push({ path: join(folder, name), name, as });
    }
  }
  return owners;
}

/** The owner as its owner file describes it, or as its name does if the file cannot be read. */
export function* holderBehind(fs: LockfileFs, path: string, name: string): Steps<Holder> {
  try {
    const record = decodeOwnerRecord(yield* step(fs.readFile(path)));
    if (record !== undefined) return holderOf(record);
  } catch {
    // It was released in the meantime, or is not readable for us.
  }
  const identity = parseIdentityName(name);
  if (identity !== undefined) return { pid: identity.pid, host: identity.host };
  return { label: `not an owner file of this library: ${path}` };
}
