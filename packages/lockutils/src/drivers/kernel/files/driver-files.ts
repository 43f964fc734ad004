import type { HiddenFiles } from './hidden-files.js';
import type { LockFiles } from './lock-files.js';

/** The files of one driver: the lock files, and those that are hidden beside them. */
export interface DriverFiles {
  readonly locks: LockFiles;
  readonly hidden: HiddenFiles;
}
