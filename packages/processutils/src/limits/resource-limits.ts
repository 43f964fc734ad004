import { readFileSync } from 'node:fs';
import { ConcurrencyError } from '@oslo-concurrency/core';

/** The limits of a command cannot be set on this machine; the message says what is missing. Nothing was started. */
export class ProcessLimitsUnavailableError extends ConcurrencyError {
  override readonly name: string = 'ProcessLimitsUnavailableError';
  readonly code = 'ERR_PROCESS_LIMITS_UNAVAILABLE';
}

/** Limits of a command and all its descendants, each in its unit; both the soft and the hard limit are set. */
export interface ProcessLimitValues {
  /** Bytes of virtual memory. */
  readonly addressSpace?: number | undefined;
  /** Bytes of a core file. */
  readonly coreFileSize?: number | undefined;
  /** Seconds of processor time. */
  readonly cpuTime?: number | undefined;
  /** Bytes of the data segment, heap included. */
  readonly dataSize?: number | undefined;
  /** Bytes of a file that is written. */
  readonly fileSize?: number | undefined;
  /** Bytes that may be locked into memory. */
  readonly memoryLocked?: number | undefined;
  /** Open files: the highest descriptor number plus one. */
  readonly numberFiles?: number | undefined;
  /** Processes of the user, all of them counted; not enforced for root. */
  readonly numberProcesses?: number | undefined;
  /** Bytes of resident memory; Linux ignores it. */
  readonly residentSetSize?: number | undefined;
  /** Bytes of the stack. */
  readonly stackSize?: number | undefined;
}

/** The name of one of the ten limits. */
export type LimitName = keyof ProcessLimitValues;

// In oslo's order: prlimit(1)'s option, the shell's ulimit letter, the unit that the shell counts in, the kernel's name.
const limits: { readonly [name in LimitName]: readonly [prlimit: string, ulimit: string, unit: number, proc: string] } =
  {
    addressSpace: ['as', 'v', 1024, 'Max address space'],
    coreFileSize: ['core', 'c', 512, 'Max core file size'],
    cpuTime: ['cpu', 't', 1, 'Max cpu time'],
    dataSize: ['data', 'd', 1024, 'Max data size'],
    fileSize: ['fsize', 'f', 512, 'Max file size'],
    memoryLocked: ['memlock', 'l', 1024, 'Max locked memory'],
    numberFiles: ['nofile', 'n', 1, 'Max open files'],
    numberProcesses: ['nproc', 'p', 1, 'Max processes'],
    residentSetSize: ['rss', 'm', 1024, 'Max resident set'],
    stackSize: ['stack', 's', 1024, 'Max stack size'],
  };

/** The names of all limits, in oslo's order. */
export const limitNames = Object.keys(limits) as LimitName[];

/** Which limits are above this process's own hard ones, which only privilege may exceed, and what those are. */
export function limitsAbove(values: ProcessLimitValues): [LimitName, number][] {
  let own: string;
  try {
    own = readFileSync('/proc/self/limits', 'utf8');
  } catch {
    own = '';
  }
  return given(values).flatMap(([name, value]) => {
    const hard = new RegExp(`^${limits[name][3]} +\\S+ +(\\d+)`, 'm').exec(own)?.[1];
    return hard !== undefined && value > Number(hard) ? [[name, Number(hard)] as [LimitName, number]] : [];
  });
}

/** The options of prlimit(1) that set the limits. */
export function prlimitOptions(values: ProcessLimitValues): string[] {
  return given(values).map(([name, value]) => `--${limits[name][0]}=${value}:${value}`);
}

/**
 * The shell commands that set the limits, where there is no prlimit(1).
 *
 * @throws ProcessLimitsUnavailableError for a limit that the shell's units cannot express exactly.
 */
export function ulimitCommands(values: ProcessLimitValues): string[] {
  return given(values).map(([name, value]) => {
    const [, letter, unit] = limits[name];
    if (value % unit !== 0) {
      throw new ProcessLimitsUnavailableError(
        `prlimit.${name} = ${value} cannot be set: prlimit(1) of util-linux is missing, and the shell's ulimit counts ` +
          `in ${unit} bytes. Install util-linux or give a multiple of ${unit}.`,
      );
    }
    return `ulimit -${letter} ${value / unit}`;
  });
}

function given(values: ProcessLimitValues): [LimitName, number][] {
  return limitNames.flatMap((name) => {
    const value = values[name];
    return value === undefined ? [] : [[name, value]];
  });
}
