import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { hiddenFolder } from '../drivers/hidden-folder.js';

/** The names of all locks of the lockfile driver that have left anything in a lock path, sorted. */
export function lockFolderNames(directory: string): string[] {
  const kinds = ['held', 'died', 'died-seats', 'queue'];
  return [...new Set(kinds.flatMap((kind) => namesBelow(join(directory, hiddenFolder, 'lockfile', kind))))].sort();
}

function namesBelow(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
