import { readFileSync } from 'node:fs';

/** What Linux reports about a process or thread in `/proc/PID/stat` or `/proc/PID/task/TID/stat`. */
export interface ProcStat {
  /** One letter: R, S, D, T, Z ... */
  readonly state: string;
  /** The pid of the parent. */
  readonly parent: number;
  /** The process group. */
  readonly group: number;
  /** The foreground group of the terminal of the process; -1 if it has no terminal. */
  readonly foreground: number;
  /** The number of threads that the process still has. */
  readonly threads: number;
  /**
   * Clock ticks from boot to the start of the process. Together with the pid it identifies one process of this boot
   * uniquely.
   */
  readonly startTime: number;
}

/** Reads a `stat` file of `/proc`. @throws the system's error: `ENOENT` or `ESRCH` if there is no such process. */
export function readProcStat(path: string): ProcStat {
  const text = readFileSync(path, 'utf8');
  // The second field is the program's name in parentheses. The name may contain spaces and parentheses itself.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return {
    state: fields[0] ?? '',
    parent: Number(fields[1]),
    group: Number(fields[2]),
    foreground: Number(fields[5]),
    threads: Number(fields[17]),
    startTime: Number(fields[19]),
  };
}

/** Whether the process or thread has ended, although its parent may not have collected it yet. */
export function hasEnded({ state }: ProcStat): boolean {
  return state === 'Z' || state === 'X';
}
