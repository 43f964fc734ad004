import { lstatSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { nodeCrypto } from '@oslo-concurrency/core';
import { LockPathError } from '../errors/lock-path-errors.js';
import { identityName, parseIdentityName } from '../owner/identity-name.js';
import { liveness } from '../owner/liveness.js';
import { ownIdentity } from '../owner/process-identity.js';

const prefix = 'oslo-concurrency-threads.';
let directory: string | undefined;
let last: { readonly name: string; readonly path: string } | undefined;

/**
 * The absolute path of the file of a lock between the threads of this process; see `LockOptions.threads`.
 *
 * All threads compute the same path, whatever their environments are. No other process computes it: the directory name
 * carries the identity of this process. Any name is allowed here, so the file is named after the digest of the lock
 * name.
 *
 * @throws LockPathError if the directory cannot be created, or another user created it
 */
export function threadLockFile(name: string): string {
  if (last?.name === name) return last.path;
  directory ??= makeFirst();
  const path = join(directory, nodeCrypto().createHash('sha256').update(name).digest('hex'));
  last = { name, path };
  return path;
}

/**
 * If `path` is the directory of these locks, makes it again where it is missing, as at first: a cleaner of old files may
 * remove it, or logind at the end of a session.
 *
 * The threads of this process meet there again, because its path stays the same. A thread that holds a lock keeps the
 * removed file, and another thread can be granted that lock. The holder learns at its release that the lock was lost, as
 * with any lock file that is removed by hand.
 *
 * @throws LockPathError as {@link threadLockFile} does
 */
export function restoreThreadLocks(path: string): void {
  if (path === directory) make(path);
}

function makeFirst(): string {
  const { thread, ...process_ } = ownIdentity();
  const path = join(temporaryDirectory(), `${prefix}${identityName(process_, 'threads')}`);
  make(path);
  // A worker ends before its process does, and other threads of the process may hold locks then.
  if (thread === undefined) process.once('exit', () => rmSync(path, { recursive: true, force: true }));
  return path;
}

function make(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
    // Only the thread that creates the directory does this: the other threads of this process need not repeat it.
    removeDead(dirname(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw new LockPathError(path, 'not-writable', error);
  }
  // Every user may write to the parent, so another user may have created the directory first.
  if (process.geteuid !== undefined && !isOurs(path)) throw new LockPathError(path, 'not-writable');
}

// Avoids environment variables if possible: each worker may have its own environment.
function temporaryDirectory(): string {
  if (process.platform === 'win32') return tmpdir();
  const shared = process.platform === 'linux' ? statSync('/dev/shm', { throwIfNoEntry: false }) : undefined;
  return shared?.isDirectory() === true && (shared.mode & 0o1777) === 0o1777 ? '/dev/shm' : '/tmp';
}

/** Removes the directories of processes of this user that ended without removing theirs. */
function removeDead(parent: string): void {
  for (const entry of readdirSync(parent)) {
    if (!entry.startsWith(prefix)) continue;
    const owner = parseIdentityName(entry.slice(prefix.length));
    const path = join(parent, entry);
    if (owner === undefined || liveness(owner) !== 'dead' || !isOurs(path)) continue;
    try {
      rmSync(path, { recursive: true, force: true });
    } catch {
      // It only takes up space. The next process of this user tries again.
    }
  }
}

// Another user could replace a part of their own directory by a link while we remove its contents.
function isOurs(path: string): boolean {
  const found = lstatSync(path, { throwIfNoEntry: false });
  return found?.isDirectory() === true && found.uid === process.geteuid?.();
}
