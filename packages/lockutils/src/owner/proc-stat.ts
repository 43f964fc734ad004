import { readFileSync } from 'node:fs';

/** What Linux tells of a process or thread in `/proc/PID/stat` or `/proc/PID/task/TID/stat`. */
export interface ProcStat {
  /** One letter: R, S, D, T, Z ... */
  readonly state: string;
  /** How many threads of the process are left. */
  readonly threads: number;
  /** Clock ticks from boot to its start; with the pid it names one process of this boot for good. */
  readonly startTime: number;
}

/** Reads a `stat` file of `/proc`. @throws the system's error, `ENOENT` or `ESRCH` when there is no such process. */
export function readProcStat(path: string): ProcStat {
  const text = readFileSync(path, 'utf8');
  // The second field is the program's name in parentheses, and may itself contain spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', threads: Number(fields[17]), startTime: Number(fields[19]) };
}
