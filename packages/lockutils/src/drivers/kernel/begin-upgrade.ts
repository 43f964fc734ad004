import { fileError } from '../file-errors.js';
import type { OpenFile } from './files/open-file.js';
import { upgradeByte } from './tickets.js';

const looks = 64;

/**
 * Locks the byte that only one upgrade can hold, in an open queue file. Closes the file if that fails.
 *
 * A caller that looks whether a reader waits to become a writer locks the byte shared for a moment. So only a refusal of
 * a shared lock shows another upgrade: `conflict`. The machine may stop that caller in that moment: `later`.
 */
export function beginUpgrade(queue: OpenFile): 'begun' | 'conflict' | 'later' {
  try {
    for (let look = 0; look < looks; look += 1) {
      if (queue.tryLock(upgradeByte, 1, false)) return 'begun';
      if (!queue.isFree(upgradeByte, 1)) return 'conflict';
    }
    return 'later';
  } catch (error) {
    queue.close();
    throw fileError(queue.path, 'lock', error);
  }
}
