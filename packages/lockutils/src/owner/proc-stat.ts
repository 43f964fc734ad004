import { readFileSync } from 'node:fs';

/** What Linux reports about a process or thread in `/proc/PID/stat` or `/proc/PID/task/TID/stat`. */
export interface ProcStat {
  /** One letter: R, S, D, T, Z ... */
  readonly state: string;
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
  return { state: fields[0] ?? '', threads: Number(fields[17]), startTime: Number(fields[19]) };
}
