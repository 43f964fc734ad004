import { constants, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { LockFileTypeError } from '../../errors.js';
import { createFile } from '../../lock-path/new-file.js';
import { fileError } from '../file-errors.js';
import { withSpareDescriptors } from '../idle-files.js';
import { OpenFile } from './open-file.js';
import type { KernelSystem } from './system.js';

// Never O_TRUNC: the file may have other content. O_NOFOLLOW: a link placed there by another user would make us open
// and write to one of our own files. O_NONBLOCK: opening a FIFO must fail or return, not hang. Node adds O_CLOEXEC
// (G17).
const openExisting =
  constants.O_RDWR | (constants.O_NOFOLLOW ?? 0) | (process.platform === 'win32' ? 0 : constants.O_NONBLOCK);
// Only the owner of a file may use this flag: reading then leaves no access time, which would cost a write of the
// inode.
const noAccessTime = constants.O_NOATIME ?? 0;

/**
 * Opens a lock file, creates it if it does not exist, and makes sure that it is a plain file.
 *
 * Two steps instead of O_CREAT alone: in a sticky directory, the kernel refuses O_CREAT on another user's file
 * (`fs.protected_regular`) although the file itself may be opened.
 */
export function openLockFile(system: KernelSystem, path: string): OpenFile {
  for (let round = 0; ; round += 1) {
    try {
      return openOwnedOrNot(system, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw fileError(path, 'open', error);
    }
    try {
      withSpareDescriptors(() => createFile(dirname(path), path, system));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Another process created it first, or it was removed between the two calls: try again.
      if (code !== 'EEXIST' || round >= 100) throw fileError(path, 'create', error);
    }
  }
}

function openOwnedOrNot(system: KernelSystem, path: string): OpenFile {
  try {
    return OpenFile.open(system, path, openExisting | noAccessTime);
  } catch (error) {
    if (noAccessTime === 0 || (error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
    return OpenFile.open(system, path, openExisting);
  }
}

/** Throws unless the opened file is a plain file. */
export function checkPlainFile(path: string, stats: Stats): void {
  if (!stats.isFile()) throw new LockFileTypeError(path, kindOf(stats));
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}
