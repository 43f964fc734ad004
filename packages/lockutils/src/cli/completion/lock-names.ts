import { Command } from 'commander';
import { listLocks } from '../../cleanup/list-locks.js';
import type { LockStatus } from '../../drivers/lock-status.js';
import { printable } from '../../owner/holder.js';
import { type PlaceOptions, placeOptions } from '../commands/options.js';
import { describeHolder } from '../terminal/output.js';

/** A word that a shell may offer, and what it means. */
export type Candidate = readonly [word: string, meaning: string];

/** Where the locks are, and what their files begin with. */
interface Place extends PlaceOptions {
  readonly prefix?: string;
}

/** The options among the words that say where the locks are. */
export function placeIn(words: readonly string[]): Place {
  const reader = new Command().option('--prefix <prefix>').allowUnknownOption().exitOverride();
  reader.configureOutput({ writeErr: () => {} });
  for (const option of placeOptions()) reader.addOption(option);
  reader.parseOptions([...words]);
  return reader.opts<Place>();
}

/** The names of the locks of a lock path, in use or not. With a prefix those that begin with it, without it. */
export async function lockNames({ lockPath, prefix }: Place): Promise<Candidate[]> {
  const locks = await listLocks(lockPath === undefined ? {} : { lockPath });
  const start = prefix === undefined ? '' : `${prefix}-`;
  return locks
    .filter(({ name }) => name.startsWith(start) && printable(name) === name)
    .map((lock) => [lock.name.slice(start.length), meaningOf(lock)]);
}

function meaningOf({ state, holders }: LockStatus): string {
  return printable(holders.length === 0 ? state : `${state} by ${describeHolder(holders)}`);
}
