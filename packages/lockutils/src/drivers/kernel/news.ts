import type { LockRequest } from '../driver.js';
import { hiddenPath, openHidden } from './lock-paths.js';
import type { OpenFile } from './open-file.js';
import { clearMark, readMark } from './owner-mark.js';
import { newsByte } from './queue.js';
import type { KernelSystem } from './system.js';

/**
 * Whether we are the one of those who share the file that is told of its dead writer (G19).
 *
 * Being first in line is not enough: one that is stopped between reading the mark and clearing it is passed by others,
 * who would find the mark too. So both are done with a byte locked. Whoever cannot lock it leaves the news to who has it;
 * when that one dies before it has cleared the mark, the byte goes with it and the mark stays for the next.
 */
export function learnOfWriter(system: KernelSystem, request: LockRequest, file: OpenFile): boolean {
  const path = hiddenPath(request.path, 'queue');
  let queue: OpenFile;
  try {
    queue = openHidden(system, path);
  } catch {
    // Left for the next one.
    return false;
  }
  try {
    if (!queue.tryLock(newsByte, 1, false) || readMark(file, 0).state !== 'left') return false;
    clearMark(file, 0);
    return true;
  } catch {
    return false;
  } finally {
    queue.close();
  }
}
