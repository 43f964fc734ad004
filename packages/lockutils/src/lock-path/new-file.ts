import * as fs from 'node:fs';
import { join } from 'node:path';
import { nodeCrypto } from '@oslo-concurrency/core';
import { runSync } from '../steps.js';
import { hiddenFolder } from './lock-path.js';
import { placeBeside, realPathOfOpen } from './real-path.js';
import { giveRights, isLike, type Made, modeIn, type Rights, rightsOf, synchronousRights } from './rights.js';

/** The calls that open and close a new file; those of `node:fs` by default. */
export type OpenAndClose = Pick<typeof fs, 'openSync' | 'closeSync'>;

const createNew = fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL | (fs.constants.O_NOFOLLOW ?? 0);

/**
 * Creates the empty file `path` in `lockPath` or its hidden folder, with the rights of the lock path.
 *
 * The file is created under a name of its own in the hidden folder and then linked to its final name, which fails if
 * that name exists. So no process ever finds it without its rights, and a crash leaves a file that no process uses and
 * `cleanLocks` removes. If that is not possible (no hard links, no /proc, no permission in the hidden folder, a link
 * that leads elsewhere), the file is created at its final name and given the rights of that place at once.
 *
 * @throws the system's error: `EEXIST` if the file exists.
 */
export function createFile(lockPath: string, path: string, calls: OpenAndClose = fs): void {
  const rights = rightsOf(lockPath);
  const made = join(lockPath, hiddenFolder, `new.${nodeCrypto().randomUUID()}`);
  const real = created(made, rights, calls);
  let linked = false;
  try {
    linked = real !== undefined && placeBeside(real, path, (placed) => fs.linkSync(made, placed));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') throw error;
  } finally {
    fs.rmSync(made, { force: true });
  }
  if (!linked) create(path, rights, calls);
}

// The path of the file, as far as the kernel reports it. Without that, the file is created at its final name.
function created(path: string, rights: Rights, calls: OpenAndClose): string | undefined {
  try {
    return process.platform === 'linux' ? create(path, rights, calls) : undefined;
  } catch {
    // The call fails again at the final name, where the error is useful.
    return undefined;
  }
}

function create(path: string, rights: Rights, calls: OpenAndClose): string | undefined {
  const fd = calls.openSync(path, createNew, modeIn(rights, 'file'));
  try {
    giveFileRights(fd, path, rights);
    return realPathOfOpen(fd);
  } finally {
    calls.closeSync(fd);
  }
}

/** Gives a file that this process created and has open the rights of its lock path. */
export function giveFileRights(fd: number, path: string, lockPath: Rights, made: Made = 'file'): void {
  if (isLike(fs.fstatSync(fd), lockPath, made)) return;
  runSync(giveRights(synchronousRights, fd, path, made));
}
