import { constants } from 'node:os';
import type { LimitName, ProcessLimitValues } from './resource-limits.js';

/** What is known of a command that failed under limits. */
export interface LimitedFailure {
  readonly exitCode: number;
  readonly stderr: string;
  readonly durationMs: number;
}

const { SIGKILL, SIGSEGV, SIGXCPU, SIGXFSZ } = constants.signals;

/** The limit that a failed command has probably hit, judged by its signal and by the system's words in its stderr. */
export function probablyHit(limits: ProcessLimitValues, failure: LimitedFailure): LimitName | undefined {
  const { exitCode, stderr, durationMs } = failure;
  // A shell passes on a child's death by signal as 128 + n.
  const signal = exitCode < 0 ? -exitCode : exitCode > 128 ? exitCode - 128 : 0;
  const { cpuTime } = limits;
  const suspects: readonly [LimitName, boolean][] = [
    ['cpuTime', signal === SIGXCPU || (signal === SIGKILL && durationMs >= (cpuTime ?? 0) * 1000)],
    ['fileSize', signal === SIGXFSZ || /File too large/i.test(stderr)],
    ['numberFiles', /Too many open files/i.test(stderr)],
    ['numberProcesses', /fork|Resource temporarily unavailable|create (a )?thread/i.test(stderr)],
    ['memoryLocked', /mlock|locked memory/i.test(stderr)],
    ['stackSize', signal === SIGSEGV || /stack overflow/i.test(stderr)],
    ['addressSpace', outOfMemory(stderr, signal)],
    ['dataSize', outOfMemory(stderr, signal)],
  ];
  return suspects.find(([name, likely]) => likely && limits[name] !== undefined)?.[0];
}

function outOfMemory(stderr: string, signal: number): boolean {
  return signal === SIGSEGV || /cannot allocate|memory ?error|out of memory|memory exhausted|bad_alloc/i.test(stderr);
}
