import { basename, dirname, join, sep } from 'node:path';
import { hiddenFolder } from '../../lock-path/hidden-folder.js';

/** The kinds of files that each lock has for itself: its queue, and the seats of its permit holders and its readers. */
export const kindsOfLock = ['queue', 'seats', 'readers'] as const;

/**
 * The files that the kernel driver keeps in addition to the lock files; one folder for each kind, inside the hidden
 * folder.
 */
export type HiddenKind = (typeof kindsOfLock)[number] | 'wake';

/** The path of the hidden file of this kind for a lock file. */
export function hiddenPath(lockFile: string, kind: HiddenKind, name?: string): string {
  // Not by `join`, which reads each character: this runs at most grants, and before each hint. The path of a lock file is
  // normal already.
  const end = lockFile.lastIndexOf(sep) + 1;
  return `${lockFile.slice(0, end)}${hiddenFolder}${sep}${kind}${sep}${name ?? lockFile.slice(end)}`;
}

/** The folder that stands for the bytes of such a file, one file a byte, where the system locks no ranges. */
export function bytesPath(lockFile: string, kind: (typeof kindsOfLock)[number]): string {
  return join(dirname(lockFile), hiddenFolder, `${kind}-bytes`, basename(lockFile));
}
