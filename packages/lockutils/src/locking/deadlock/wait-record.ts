import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { nodeCrypto } from '@oslo-concurrency/core';
import { hiddenFolder, makeHiddenFolder } from '../../lock-path/hidden-folder.js';
import { giveFileRights } from '../../lock-path/new-file.js';
import { rightsOf } from '../../lock-path/rights.js';
import { liveness } from '../../owner/liveness.js';
import { ownIdentity, type ProcessIdentity } from '../../owner/process-identity.js';

/** A lock that one body holds or waits for. */
export interface LockUse {
  readonly path: string;
  readonly shared: boolean;
}

/** What a process publishes about one endless wait: the locks that its enclosing bodies hold in the meantime. */
export interface WaitRecord {
  readonly id: string;
  readonly owner: ProcessIdentity;
  readonly name: string;
  readonly wants: LockUse;
  readonly holds: readonly LockUse[];
  /** Milliseconds since 1970, by the waiter's wall clock. It only decides which wait of a cycle is the victim. */
  readonly since: number;
}

const folder = 'waits';
// Milliseconds. A waiter rewrites its record four times a second.
const freshFor = 2000;
const keptFor = 3_600_000;

// Never O_CREAT on an existing file: root gives a record the owner of the lock path, and in a sticky folder the kernel
// refuses O_CREAT on another user's file. Not truncated: a rewrite writes the same text, and no reader sees half of it.
const writeAgain = constants.O_WRONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
const createNew = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
// Another user may have placed a FIFO there, which would block a reader forever.
const readOnly = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** A wait of this process that is not published yet. */
export function newWait(wait: Omit<WaitRecord, 'id' | 'owner'>): WaitRecord {
  return { ...wait, id: nodeCrypto().randomUUID(), owner: ownIdentity() };
}

/**
 * Publishes a wait in the lock paths of all locks that it holds, or confirms that it goes on. Returns the time of that
 * by the clock of the file system, in milliseconds since 1970.
 */
export function publishWait(record: WaitRecord): number {
  const text = JSON.stringify(record);
  let now = 0;
  for (const directory of directoriesOf(record)) {
    const path = join(makeHiddenFolder(directory, folder), record.id);
    now = writing(path, (fd) => {
      // Other processes find the deadlock by reading the record, whatever our umask is.
      giveFileRights(fd, path, rightsOf(directory));
      writeSync(fd, text, 0);
      return fstatSync(fd).mtimeMs;
    });
  }
  return now;
}

/** Withdraws a published wait. */
export function withdrawWait(record: WaitRecord): void {
  for (const directory of directoriesOf(record)) remove(join(directory, hiddenFolder, folder, record.id));
}

function directoriesOf({ holds }: WaitRecord): ReadonlySet<string> {
  return new Set(holds.map(({ path }) => dirname(path)));
}

/**
 * The waits published in `directory` that are current at the time `now`, which {@link publishWait} returns. Removes the
 * records of dead processes. If this process cannot see whether the owner lives, for example in another container, the
 * record must be fresh: otherwise a process that was killed there would appear to wait forever.
 */
export function readWaits(directory: string, now: number): WaitRecord[] {
  const waits = join(directory, hiddenFolder, folder);
  const records: WaitRecord[] = [];
  for (const file of list(waits)) {
    const path = join(waits, file);
    const record = read(path);
    if (record === undefined) continue;
    const state = liveness(record.owner);
    const age = state === 'unknown' ? now - modified(path) : 0;
    if (state === 'dead' || age > keptFor) remove(path);
    else if (age < freshFor) records.push(record);
  }
  return records;
}

function writing<T>(path: string, use: (fd: number) => T): T {
  try {
    return withFile(path, writeAgain, use);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return withFile(path, createNew, use);
  }
}

function withFile<T>(path: string, flags: number, use: (fd: number) => T): T {
  const fd = openSync(path, flags, 0o666);
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

function modified(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

// Half written, being withdrawn, or not ours: not a record.
function read(path: string): WaitRecord | undefined {
  try {
    const record = JSON.parse(withFile(path, readOnly, (fd) => readFileSync(fd, 'utf8'))) as WaitRecord;
    const uses = [record.wants, ...record.holds];
    return uses.every(({ path }) => typeof path === 'string') && record.owner.pid > 0 ? record : undefined;
  } catch {
    return undefined;
  }
}

function remove(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Another process has removed it, or can and will.
  }
}
