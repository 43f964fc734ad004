import { rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folders that all locks of a lock path use, by the area. */
export const folderKinds = {
  lockfile: ['held', 'died', 'new', 'queue', 'died-seats', 'wake'],
  lease: ['held', 'died', 'new', 'token', 'text'],
} as const;

/** Removes those of the folders that are empty, as a cleaner of old folders does. Returns whether there was one. */
export function cleanFolders(lockPath: string, area: keyof typeof folderKinds, kinds?: readonly string[]): boolean {
  let removed = false;
  for (const kind of kinds ?? folderKinds[area]) {
    try {
      rmdirSync(join(lockPath, '.oslo-concurrency', area, kind));
      removed = true;
    } catch {
      // It is not empty, or gone already.
    }
  }
  return removed;
}

/**
 * File system calls at which all empty folders are gone: a cleaner comes just before each of those that create or rename
 * something, but only once for the same call.
 */
export function cleanedFs<Fs extends object>(real: Fs, lockFile: string, area: keyof typeof folderKinds): Fs {
  const met = new Set<string>();
  const cleaned = ([name, call]: [string, unknown]): [string, unknown] => [
    name,
    (...args: unknown[]) => {
      const key = [name, args[0], args[1]].join(' ');
      if (/^(mkdir|rename|create)$/.test(name) && !met.has(key)) {
        met.add(key);
        cleanFolders(dirname(lockFile), area);
      }
      return (call as (...args: unknown[]) => unknown)(...args);
    },
  ];
  return Object.fromEntries(Object.entries(real).map(cleaned)) as Fs;
}
