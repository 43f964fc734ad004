import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Holder } from '../../owner/holder.js';
import type { KernelSystem } from './kernel-system.js';

/** A lock on a whole file as the kernel sees it. */
export interface KernelLock {
  readonly shared: boolean;
  /** The holder, when the kernel tells (POSIX locks) or its descriptors can be read (others). */
  readonly pid: number | undefined;
}

/**
 * The locks that reach over all of the file, from `/proc/locks`; empty where there is no `/proc`. Locks of open file
 * descriptions carry no pid there; `search` looks for it in the descriptors of all processes this user may see, which
 * costs some milliseconds.
 */
export function kernelLocks(system: KernelSystem, path: string, search = true): KernelLock[] {
  const stats = system.lstatSync(path);
  if (stats === undefined) return [];
  let table: string;
  try {
    table = readFileSync('/proc/locks', 'utf8');
  } catch {
    return [];
  }
  const inode = deviceInode(stats.dev, stats.ino);
  const locks: KernelLock[] = [];
  for (const line of table.split('\n')) {
    const found = parseLock(line, inode);
    if (found !== undefined) locks.push(found);
  }
  if (!search || locks.every((lock) => lock.pid !== undefined)) return locks;
  const pids = pidsWithLock(inode);
  return locks.map((lock) => (lock.pid === undefined ? { ...lock, pid: pids.shift() } : lock));
}

/** Names the processes behind {@link kernelLocks}, as far as `/proc` tells. */
export function kernelHolders(system: KernelSystem, path: string): Holder[] {
  return kernelLocks(system, path).flatMap(({ pid }) => (pid === undefined ? [] : [{ pid, ...commandOf(pid) }]));
}

// `12: OFDLCK ADVISORY  WRITE -1 fe:00:1234 0 EOF`; a `->` after the number is a waiter, not a holder.
function parseLock(line: string, inode: string): KernelLock | undefined {
  const fields = line.trim().split(/\s+/);
  const [, type, , mode, pid, where, start, end] = fields;
  if (where !== inode || start !== '0' || end !== 'EOF' || (type !== 'OFDLCK' && type !== 'POSIX')) return undefined;
  const number = Number(pid);
  return { shared: mode === 'READ', pid: number > 0 ? number : undefined };
}

function pidsWithLock(inode: string): number[] {
  const pids: number[] = [];
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    try {
      for (const fd of readdirSync(`/proc/${pid}/fdinfo`)) {
        const info = readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8');
        for (const line of info.split('\n')) {
          if (line.startsWith('lock:') && parseLock(line.slice(5), inode)) pids.push(Number(pid));
        }
      }
    } catch {
      // Ended meanwhile, or another user's.
    }
  }
  return pids;
}

function commandOf(pid: number): { command?: string } {
  try {
    const [program, script] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    if (program === undefined || program === '') return {};
    // As in the owner record: further arguments may be secrets.
    return { command: script?.startsWith('/') ? `${basename(program)} ${script}` : basename(program) };
  } catch {
    return {};
  }
}

function deviceInode(device: number, inode: number): string {
  const major = (device >> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >> 12) & 0xfff00);
  const hex = (value: number): string => value.toString(16).padStart(2, '0');
  return `${hex(major)}:${hex(minor)}:${inode}`;
}
