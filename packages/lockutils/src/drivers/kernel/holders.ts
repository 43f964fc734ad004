import { dirname } from 'node:path';
import type { Holder } from '../../owner/holder.js';
import { liveness } from '../../owner/liveness.js';
import { holderOf } from '../../owner/owner-record.js';
import type { LockRequest } from '../driver.js';
import { openLockFile } from './files/lock-files.js';
import { type Mark, readMark } from './files/owner-mark.js';
import { takenSeats } from './seats.js';
import type { KernelSystem } from './system.js';
import { processHolder } from './table/holder-process.js';
import { isWholeFile, readLockTable } from './table/lock-table.js';

/** The holders of a lock: by their records, or, if no live process wrote one, as far as the kernel names them. For messages. */
export function holdersOf(system: KernelSystem, request: LockRequest): Holder[] {
  const marks = [...lockFileMark(system, request.path), ...takenSeats(system, request)];
  const named = marks.flatMap((mark) =>
    mark.state === 'left' && mark.record !== undefined && liveness(mark.record) !== 'dead' ? [mark.record] : [],
  );
  return named.length > 0 ? named.map(holderOf) : kernelHolders(system, request.path);
}

function lockFileMark(system: KernelSystem, path: string): Mark[] {
  if (system.lstatSync(path)?.isFile() !== true) return [];
  const file = openLockFile(system, path);
  try {
    return [readMark(file, 0)];
  } finally {
    file.close();
  }
}

// The processes that hold the whole file.
function kernelHolders(system: KernelSystem, path: string): Holder[] {
  const inode = system.lstatSync(path)?.ino;
  const table = inode === undefined ? undefined : readLockTable(system, dirname(path));
  if (inode === undefined || table === undefined) return [];
  const locks = table.held(inode).filter(isWholeFile);
  const pids = locks.flatMap((lock) => table.pids(inode, lock));
  return [...new Set(pids)].slice(0, locks.length).map(processHolder);
}
