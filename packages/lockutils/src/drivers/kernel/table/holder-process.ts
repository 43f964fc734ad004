import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { basename } from 'node:path';
import type { Holder } from '../../../owner/holder.js';
import { liveness } from '../../../owner/liveness.js';
import { holderOf, type OwnerRecord } from '../../../owner/owner-record.js';
import { readProcStat } from '../../../owner/proc-stat.js';
import { ownIdentity } from '../../../owner/process-identity.js';

/** The holder entry for a holder of which only the process is known. */
export function processHolder(pid: number): Holder {
  return { pid, ...commandOf(pid), host: hostname() };
}

/**
 * The holder of one lock. The kernel names its processes, and a record claims an owner. The kernel's answer decides: a
 * record only adds details, and only if it was written by one of these processes, or if none of them can be seen.
 */
export function holderBehind(pids: readonly number[], record: OwnerRecord | undefined): Holder {
  const [first] = pids;
  if (record !== undefined) {
    if (first === undefined && liveness(record) !== 'dead') return holderOf(record);
    if (pids.some((pid) => isBy(record, pid))) return holderOf(record);
  }
  return first === undefined ? {} : processHolder(first);
}

// The process that is `pid` here may have another pid in its own pid namespace, which is the pid in the record.
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
