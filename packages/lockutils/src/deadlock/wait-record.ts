import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hiddenFolder, makeHiddenFolder } from '../drivers/hidden-folder.js';
import { liveness } from '../owner/liveness.js';
import { ownIdentity, type ProcessIdentity } from '../owner/process-identity.js';

/** A lock as one body holds it or waits for it. */
export interface LockUse {
  readonly path: string;
  readonly shared: boolean;
}

/** What a process says of one wait without end: what its enclosing bodies hold meanwhile. */
export interface WaitRecord {
  readonly id: string;
  readonly owner: ProcessIdentity;
  readonly name: string;
  readonly wants: LockUse;
  readonly holds: readonly LockUse[];
  /** Milliseconds since 1970, by the wall clock of the waiter; it only decides who of a cycle gives way. */
  readonly since: number;
}

const folder = 'waits';

/** Publishes a wait in the lock paths of all it holds; the returned function takes it back. Never throws. */
export function publishWait(wait: Omit<WaitRecord, 'id' | 'owner'>, directories: ReadonlySet<string>): WaitRecord {
  const record: WaitRecord = { ...wait, id: randomUUID(), owner: ownIdentity() };
  for (const directory of directories) {
    writeFileSync(join(makeHiddenFolder(directory, folder), record.id), JSON.stringify(record));
  }
  return record;
}

/** Takes a published wait back. */
export function withdrawWait(record: WaitRecord, directories: ReadonlySet<string>): void {
  for (const directory of directories) remove(join(directory, hiddenFolder, folder, record.id));
}

/** The waits published in `directory` by processes that live; what dead ones left is removed. */
export function readWaits(directory: string): WaitRecord[] {
  const waits = join(directory, hiddenFolder, folder);
  const records: WaitRecord[] = [];
  for (const file of list(waits)) {
    const record = read(join(waits, file));
    if (record === undefined) continue;
    if (liveness(record.owner) === 'dead') remove(join(waits, file));
    else records.push(record);
  }
  return records;
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

// Half written, withdrawn in this moment, or not ours: no record.
function read(path: string): WaitRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(path, 'utf8')) as WaitRecord;
    return Array.isArray(record.holds) && typeof record.wants.path === 'string' ? record : undefined;
  } catch {
    return undefined;
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Somebody else removed it, or may and will.
  }
}
