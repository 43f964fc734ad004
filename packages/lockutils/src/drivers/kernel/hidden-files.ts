import { constants } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { hiddenFolder, makeHiddenFolder } from '../hidden-folder.js';
import type { KernelSystem } from './kernel-system.js';
import { explained } from './lock-file.js';

/** What the kernel driver keeps beside the lock files, one folder each inside the hidden one. */
export type HiddenKind = 'queue' | 'seats' | 'wake';

const openOrCreate = constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);

/** Where the hidden file of this kind lies for a lock file. */
export function hiddenPath(lockFile: string, kind: HiddenKind, name = basename(lockFile)): string {
  return join(dirname(lockFile), hiddenFolder, kind, name);
}

/** Opens a hidden file for reading and writing, and makes its folder and itself when there are none. */
export function openHidden(system: KernelSystem, path: string): number {
  try {
    return system.openSync(path, openOrCreate, 0o666);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw explained(system, path, 'open', error);
  }
  try {
    const folder = dirname(path);
    makeHiddenFolder(dirname(dirname(folder)), basename(folder));
    return system.openSync(path, openOrCreate, 0o666);
  } catch (error) {
    throw explained(system, path, 'create', error);
  }
}
