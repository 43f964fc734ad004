import { open, stat } from 'node:fs/promises';
import { type Answer, type LockfileFs, promisedFs } from '../system.js';

/** The file system calls of the lease driver `lockfile`: those of the strict driver, and two that concern time. */
export interface LeaseFs extends LockfileFs {
  /** When the file was last written to, in milliseconds by the file system's own clock. */
  mtime(path: string): Answer<number>;
  /** Writes to an existing file; never creates one. */
  overwrite(path: string, content: Uint8Array): Answer<void>;
}

/** The calls of `node:fs/promises`. */
export const promisedLeaseFs: LeaseFs = {
  ...promisedFs,
  mtime: async (path) => (await stat(path)).mtimeMs,
  async overwrite(path, content) {
    const file = await open(path, 'r+');
    try {
      await file.write(content, 0, content.length, 0);
    } finally {
      // A network file system may report only here that the write has failed.
      await file.close();
    }
  },
};
