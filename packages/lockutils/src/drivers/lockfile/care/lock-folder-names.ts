import { join } from 'node:path';
import { hiddenFolder } from '../../../lock-path/hidden-folder.js';
import { namesIn } from '../../../lock-path/names-in.js';

/** The names of all locks of the lockfile driver that have any file or folder in a lock path, sorted. */
export function lockFolderNames(directory: string): string[] {
  const kinds = ['held', 'died', 'died-seats', 'queue'];
  return [...new Set(kinds.flatMap((kind) => namesIn(join(directory, hiddenFolder, 'lockfile', kind))))].sort();
}
