import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename, dirname } from 'node:path';
import type { Holder } from '../../owner/holder.js';
import { liveness } from '../../owner/liveness.js';
import { holderOf, type OwnerRecord } from '../../owner/owner-record.js';
import { readProcStat } from '../../owner/proc-stat.js';
import { ownIdentity } from '../../owner/process-identity.js';
import { readLockTable, type TableLock } from './lock-table.js';
import type { KernelSystem } from './system.js';

/** Names the processes that hold all of the file, as far as the kernel tells. */
export function kernelHolders(system: KernelSystem, path: string): Holder[] {
  const inode = system.lstatSync(path)?.ino;
  const table = inode === undefined ? undefined : readLockTable(system, dirname(path));
  if (inode === undefined || table === undefined) return [];
  const locks = table.held(inode).filter(isWholeFile);
  const pids = locks.flatMap((lock) => table.pids(inode, lock));
  return [...new Set(pids)].slice(0, locks.length).map(processHolder);
}

/** Whether a lock reaches over all of a file, as those on lock files do. */
export function isWholeFile(lock: TableLock): boolean {
  return lock.start === 0 && lock.end === Number.POSITIVE_INFINITY;
}

/** What can be said of a holder of which only the process is known. */
export function processHolder(pid: number): Holder {
  return { pid, ...commandOf(pid), host: hostname() };
}

/**
 * The holder of one lock, of which the kernel names the processes and a record claims an owner. The kernel is believed:
 * a record only adds what it does not know, when it is by one of these processes, or when there are none to be seen.
 */
export function holderBehind(pids: readonly number[], record: OwnerRecord | undefined): Holder {
  const [first] = pids;
  if (record !== undefined) {
    if (first === undefined && liveness(record) !== 'dead') return holderOf(record);
    if (pids.some((pid) => isBy(record, pid))) return holderOf(record);
  }
  return first === undefined ? {} : processHolder(first);
}

// The process that is `pid` here may have another one in its own pid namespace, which is what the record says.
function isBy(record: OwnerRecord, pid: number): boolean {
  if (record.bootId !== ownIdentity().bootId) return false;
  try {
    const names = /^NSpid:\s*(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]?.split(/\s+/);
    const startTime = readProcStat(`/proc/${pid}/stat`).startTime;
    return Number(names?.at(-1) ?? pid) === record.pid && (record.startTime ?? startTime) === startTime;
  } catch {
    return false;
  }
}

function commandOf(pid: number): { command?: string } {
  try {
    const [program, script] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    if (program === undefined || program === '') return {};
    // As in the owner record: further arguments may be secrets.
    const command = script?.startsWith('/') ? `${basename(program)} ${script}` : basename(program);
    return { command: command.replace(/[\p{Cc}\p{Cf}]/gu, '?') };
  } catch {
    return {};
  }
}
