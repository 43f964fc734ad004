import type fs from 'node:fs';
import { rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeHiddenFolder } from '../../../lock-path/hidden-folder.js';
import { createFile } from '../../../lock-path/new-file.js';
import { guardByte } from '../queue-bytes.js';
import type { ByteLocks } from './byte-locks.js';
import { bytesOf, folderOf, isTicket, type RangeFile, rangeFile } from './range-file.js';

/** The calls of a kernel system that these locks need, or take the place of. */
interface FileCalls extends ByteLocks {
  readonly openSync: typeof fs.openSync;
  readonly closeSync: typeof fs.closeSync;
  readonly unlinkSync: typeof fs.unlinkSync;
  readonly fstatSync: (fd: number) => fs.Stats;
  readonly lstatSync: (path: string) => fs.Stats | undefined;
}

/**
 * The locks on bytes of the hidden files, for systems that lock whole files only (macOS), or cannot change a lock on a range
 * in one step (Windows). Each byte is a file of its own, `.oslo-concurrency/<kind>-bytes/<lock>/<byte>`, and the lock on the
 * byte is the kernel's lock on that whole file. The kernel frees it when its process ends, so a crash leaves at most an
 * unlocked file, which counts as no lock. Lock files themselves are locked as before: exclusion relies on them alone.
 *
 * What differs from byte ranges, and why the callers bear it:
 * - A range of several bytes is only looked at: `true` if nobody else holds a byte in it at this moment. The owner of the
 *   first ticket so does not keep lower numbers from being drawn, if somebody damages the counter. That changes the order
 *   only. A process that draws a ticket or removes a queue holds the guard, a single byte, meanwhile.
 * - A look locks a byte for a moment, shared. A caller that asks for the byte then is refused for nothing, and asks again
 *   as after any refusal.
 * - A ticket is used once, so its owner removes its file while it still holds it. Each lock on a byte is checked against
 *   the name afterwards, as with lock files: a lock on a removed file is none.
 */
export function withRangeFiles<T extends FileCalls>(base: T): T & { readonly changesKind: false } {
  const open = new Map<number, RangeFile>();

  function lockByte(file: RangeFile, byte: number): boolean {
    if (file.held.has(byte)) return true;
    const path = join(folderOf(file), String(byte));
    for (let round = 0; ; round += 1) {
      const fd = openByte(path);
      if (fd === undefined) {
        createByte(file, path, round);
        continue;
      }
      try {
        if (!base.tryLock(fd, 0, 0, false)) return false;
        if (isNamed(fd, path)) {
          file.held.set(byte, fd);
          return true;
        }
      } finally {
        if (!file.held.has(byte)) base.closeSync(fd);
      }
    }
  }

  function createByte(file: RangeFile, path: string, round: number): void {
    try {
      makeHiddenFolder(file.lockPath, `${file.kind}-bytes`, file.name);
      createFile(file.lockPath, path, base);
    } catch (error) {
      // Another process has created it, or removed the folder since: the next round opens or creates it. ENOTEMPTY: it has
      // put its own folder there, and removed that again before we saw it.
      const { code = '' } = error as NodeJS.ErrnoException;
      const inMotion = ['EEXIST', 'ENOENT', 'ENOTEMPTY'].includes(code) || isBeingRemoved(code);
      if (round >= maxRounds || !inMotion) throw error;
    }
  }

  function openByte(path: string): number | undefined {
    try {
      return base.openSync(path, 'r+');
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || isBeingRemoved(code)) return undefined;
      throw error;
    }
  }

  function isNamed(fd: number, path: string): boolean {
    const named = base.lstatSync(path);
    const { dev, ino } = base.fstatSync(fd);
    return named?.ino === ino && named.dev === dev;
  }

  function isFree(file: RangeFile, from: number, to: number): boolean {
    return bytesOf(file).every((byte) => byte < from || byte >= to || file.held.has(byte) || !isHeld(file, byte));
  }

  function isHeld(file: RangeFile, byte: number): boolean {
    const path = join(folderOf(file), String(byte));
    const fd = openByte(path);
    if (fd === undefined) return false;
    try {
      if (!base.tryLock(fd, 0, 0, true)) return true;
      base.unlock(fd, 0, 0);
      // Its owner has crashed. Only a process that holds it may remove it.
      if (isTicket(file, byte) && base.tryLock(fd, 0, 0, false) && isNamed(fd, path)) base.unlinkSync(path);
      return false;
    } finally {
      base.closeSync(fd);
    }
  }

  function release(file: RangeFile, from: number, to: number): void {
    for (const [byte, fd] of file.held) {
      if (byte < from || byte >= to) continue;
      file.held.delete(byte);
      try {
        if (isTicket(file, byte)) base.unlinkSync(join(folderOf(file), String(byte)));
      } catch {
        // The next look at it removes it.
      } finally {
        base.closeSync(fd);
      }
    }
  }

  // The guard last: until then, nobody can draw from a queue that has taken the place of the removed one.
  function removeBytes(file: RangeFile): void {
    const bytes = bytesOf(file).sort((a, b) => Number(a === guardByte) - Number(b === guardByte));
    for (const byte of bytes) removeQuietly(() => base.unlinkSync(join(folderOf(file), String(byte))));
    removeQuietly(() => rmdirSync(folderOf(file)));
  }

  return {
    ...base,
    changesKind: false,
    openSync(path, flags, mode) {
      const fd = base.openSync(path, flags, mode);
      const file = rangeFile(String(path));
      if (file !== undefined) open.set(fd, file);
      return fd;
    },
    closeSync(fd) {
      const file = open.get(fd);
      open.delete(fd);
      if (file !== undefined) release(file, 0, Number.POSITIVE_INFINITY);
      base.closeSync(fd);
    },
    tryLock(fd, offset, length, shared) {
      const file = open.get(fd);
      if (file === undefined) return base.tryLock(fd, offset, length, shared);
      if (length === 1 && !shared) return lockByte(file, offset);
      return isFree(file, offset, length === 0 ? Number.POSITIVE_INFINITY : offset + length);
    },
    unlock(fd, offset, length) {
      const file = open.get(fd);
      if (file === undefined) base.unlock(fd, offset, length);
      else release(file, offset, length === 0 ? Number.POSITIVE_INFINITY : offset + length);
    },
    unlinkSync(path) {
      base.unlinkSync(path);
      const file = rangeFile(String(path));
      if (file !== undefined) removeBytes(file);
    },
  };
}

const maxRounds = 1000;

/** Windows refuses a file that is removed but still open somewhere: when that is closed, the name is free. */
function isBeingRemoved(code: string): boolean {
  return process.platform === 'win32' && ['EPERM', 'EBUSY'].includes(code);
}

function removeQuietly(remove: () => void): void {
  try {
    remove();
  } catch {
    // It is in use again, or another process has removed it.
  }
}
