import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { trustedPath } from '../system/program-search.js';

/** One process as the system lists it. A pid alone does not name a process for long, since pids are reused: pid and `start` together do. */
export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** When it started, comparable within one boot: clock ticks on Linux, ms elsewhere. */
  readonly start: number;
  /** Ended, but not yet waited for by its parent. */
  readonly zombie: boolean;
  /** Inside a call that no signal can break off, such as one to a dead disk. */
  readonly uninterruptible: boolean;
  /** The kernel's name of it, at most 15 characters on Linux. */
  readonly name: string;
}

/** All processes that this one may see; no entries at all where the system cannot be asked. */
export function listProcesses(): ProcessEntry[] {
  if (process.platform !== 'linux') return parsePs(runPs());
  return listPids().flatMap((pid) => readProcess(pid) ?? []);
}

/** The pids of this moment; none where the system gives only whole tables. */
export function listPids(): number[] {
  if (process.platform !== 'linux') return [];
  try {
    return readdirSync('/proc').map(Number).filter(Number.isSafeInteger);
  } catch {
    return [];
  }
}

/** One process; `undefined` when there is none. */
export function findProcess(pid: number): ProcessEntry | undefined {
  return process.platform === 'linux' ? readProcess(pid) : parsePs(runPs()).find((entry) => entry.pid === pid);
}

function readProcess(pid: number): ProcessEntry | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The name may hold spaces and parentheses; the last parenthesis closes it.
  const close = stat.lastIndexOf(')');
  const fields = stat.slice(close + 2).split(' ');
  const state = fields[0];
  return {
    pid,
    parent: Number(fields[1]),
    group: Number(fields[2]),
    session: Number(fields[3]),
    start: Number(fields[19]),
    // A first thread that has ended shows the same while others of its process run on.
    zombie: (state === 'Z' || state === 'X') && Number(fields[17]) <= 1,
    uninterruptible: state === 'D',
    name: stat.slice(stat.indexOf('(') + 1, close),
  };
}

function runPs(): string {
  // No ps, and no group; see windows-table.ts.
  if (process.platform === 'win32') return '';
  const columns = 'pid=,ppid=,pgid=,state=,lstart=,comm=';
  return (
    spawnSync('ps', ['-A', '-o', columns], {
      encoding: 'utf8',
      env: { ...process.env, PATH: trustedPath(process.env.PATH), LC_ALL: 'C' },
    }).stdout ?? ''
  );
}

/** The table as POSIX `ps` prints it. It shows no session that could be relied on, and starts to the second. */
export function parsePs(text: string): ProcessEntry[] {
  return text.split('\n').flatMap((line) => {
    const found = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\w+\s+\w+\s+\d+\s+[\d:]+\s+\d+)\s+(.*)$/.exec(line);
    if (found === null) return [];
    const [, pid, parent, group, state, start, name] = found;
    return {
      pid: Number(pid),
      parent: Number(parent),
      group: Number(group),
      session: Number(group),
      start: Date.parse(start ?? ''),
      zombie: state?.startsWith('Z') ?? false,
      uninterruptible: /^[DU]/.test(state ?? ''),
      name: name?.split('/').at(-1) ?? '',
    };
  });
}
