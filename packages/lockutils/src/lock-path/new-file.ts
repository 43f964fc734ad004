import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { runSync } from '../steps.js';
import { hiddenFolder } from './lock-path.js';
import {
  giveRights,
  isLike,
  type Made,
  modeIn,
  placeBeside,
  type Rights,
  realPathOfOpen,
  rightsOf,
  synchronousRights,
} from './rights.js';

/** The calls that open and close a new file; those of `node:fs` by default. */
export type OpenAndClose = Pick<typeof fs, 'openSync' | 'closeSync'>;

const createNew = fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL | (fs.constants.O_NOFOLLOW ?? 0);

/**
 * Creates the empty file `path` in `lockPath` or its hidden folder, with the rights of the lock path.
 *
 * It is made under a name of its own in the hidden folder and then linked to its name, which fails where there is one: so
 * nobody ever finds it without its rights, and a crash leaves a file that nobody looks at and `cleanLocks` removes. Where
 * that cannot be done (no hard links, no /proc, nothing may be made in the hidden folder, a link leads elsewhere), it is
 * created in its place and given the rights of that place at once.
 *
 * @throws the system's error: `EEXIST` when there is one.
 */
export function createFile(lockPath: string, path: string, calls: OpenAndClose = fs): void {
  const rights = rightsOf(lockPath);
  const made = join(lockPath, hiddenFolder, `new.${randomUUID()}`);
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

// Where it lies, as far as the kernel tells; without that it is created in its place.
function created(path: string, rights: Rights, calls: OpenAndClose): string | undefined {
  try {
    return process.platform === 'linux' ? create(path, rights, calls) : undefined;
  } catch {
    // It fails once more in its place, where the error is of use.
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

/** Gives a file that this process created, and has open, the rights of its lock path. */
export function giveFileRights(fd: number, path: string, lockPath: Rights, made: Made = 'file'): void {
  if (isLike(fs.fstatSync(fd), lockPath, made)) return;
  runSync(giveRights(synchronousRights, fd, path, made));
}
