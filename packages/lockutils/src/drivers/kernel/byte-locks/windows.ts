import fs from 'node:fs';
import type { ByteLocks } from './byte-locks.js';

/**
 * The same locks for Windows, where no other process can read locked bytes: the record of the holder could not be read
 * while it counts. So there a lock on the whole file covers a part that no content reaches. A lock on the whole file from
 * its first byte, such as Python's, has these bytes in common with it, so they exclude each other.
 */
export function onWindows(locks: ByteLocks): ByteLocks {
  return {
    tryLock: (fd, offset, length, shared) =>
      length === 0 ? locks.tryLock(fd, beyond, beyond, shared) : locks.tryLock(fd, offset, length, shared),
    unlock: (fd, offset, length) =>
      length === 0 ? locks.unlock(fd, beyond, beyond) : locks.unlock(fd, offset, length),
  };
}

const beyond = 2 ** 40;

/**
 * The look at an open file and at a name, for Windows. There, an identity is 64 bits of a file alone, of which a number
 * keeps only the highest 53: two files could seem one. And the device of an open file is another number than that of its
 * name on some versions of Node: one file would seem two, so that no lock was ever granted. All files of a lock path are on
 * one device; so `dev` and `ino` are the two halves of the identity here.
 */
export const windowsStats = {
  fstatSync: (fd: number): fs.Stats => withWholeIdentity(fs.fstatSync(fd), fs.fstatSync(fd, { bigint: true })),
  lstatSync(path: string): fs.Stats | undefined {
    const stats = fs.lstatSync(path, { throwIfNoEntry: false });
    const exact = stats === undefined ? undefined : fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
    return stats === undefined || exact === undefined ? undefined : withWholeIdentity(stats, exact);
  },
};

function withWholeIdentity(stats: fs.Stats, { ino }: fs.BigIntStats): fs.Stats {
  return Object.assign(stats, { dev: Number(ino >> 32n), ino: Number(ino & 0xffff_ffffn) });
}
