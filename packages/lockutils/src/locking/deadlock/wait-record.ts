import { randomUUID } from 'node:crypto';
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
import { hiddenFolder, makeHiddenFolder } from '../../lock-path/hidden-folder.js';
import { giveFileRights } from '../../lock-path/new-file.js';
import { rightsOf } from '../../lock-path/rights.js';
import { liveness } from '../../owner/liveness.js';
import { ownIdentity, type ProcessIdentity } from '../../owner/process-identity.js';

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
// Milliseconds. A waiter writes its record anew four times a second.
const freshFor = 2000;
const keptFor = 3_600_000;

// Not truncated: written again it is the same text, and nobody reads half of it.
const write = constants.O_WRONLY | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);
// Somebody may have laid a FIFO there, at which a reader would wait for ever.
const readOnly = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** A wait of this process, not published yet. */
export function newWait(wait: Omit<WaitRecord, 'id' | 'owner'>): WaitRecord {
  return { ...wait, id: randomUUID(), owner: ownIdentity() };
}

/**
 * Publishes a wait in the lock paths of all it holds, or says again that it goes on. Returns the time of it by the clock
 * of the file system, milliseconds since 1970.
 */
export function publishWait(record: WaitRecord): number {
  const text = JSON.stringify(record);
  let now = 0;
  for (const directory of directoriesOf(record)) {
    const path = join(makeHiddenFolder(directory, folder), record.id);
    now = withFile(path, write, (fd) => {
      // Others find the deadlock by reading it, whatever our umask is.
      giveFileRights(fd, path, rightsOf(directory));
      writeSync(fd, text, 0);
      return fstatSync(fd).mtimeMs;
    });
  }
  return now;
}

/** Takes a published wait back. */
export function withdrawWait(record: WaitRecord): void {
  for (const directory of directoriesOf(record)) remove(join(directory, hiddenFolder, folder, record.id));
}

function directoriesOf({ holds }: WaitRecord): ReadonlySet<string> {
  return new Set(holds.map(({ path }) => dirname(path)));
}

/**
 * The waits published in `directory` that go on at the time `now`, as {@link publishWait} tells it; what dead ones left
 * is removed. Of whom it cannot be seen from here whether it lives, in another container, the record must be fresh:
 * killed there, it would be taken for waiting here for ever.
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

// Half written, withdrawn in this moment, or not ours: no record.
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
    // Somebody else removed it, or may and will.
  }
}
