import type { LockRequest } from '../driver.js';
import { hiddenPath, openHidden } from './lock-paths.js';
import type { OpenFile } from './open-file.js';
import { clearMark, readMark } from './owner-mark.js';
import { newsByte } from './queue.js';
import type { KernelSystem } from './system.js';

/**
 * Decides whether this holder, of those that share the file, receives the report of its dead writer (G19).
 *
 * Being first in the queue is not enough: a holder that is stopped between reading the mark and clearing it is passed
 * by others, which would find the mark too. So both happen while a byte is locked. A holder that cannot lock the byte
 * leaves the report to the one that has it. If that one dies before it has cleared the mark, the byte is freed and the
 * mark stays for the next holder.
 */
export function learnOfWriter(system: KernelSystem, request: LockRequest, file: OpenFile): boolean {
  const path = hiddenPath(request.path, 'queue');
  let queue: OpenFile;
  try {
    queue = openHidden(system, path);
  } catch {
    // Left for the next holder.
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
