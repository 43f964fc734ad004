import { readFileSync } from 'node:fs';
import { nodeCrypto, realTime } from '@oslo-concurrency/core';
import type { ProcessEntry } from './process-table.js';

/**
 * What every process of one command carries, wherever it goes, so that it can be found again.
 *
 * Two marks, because each can be lost. An environment variable is inherited unless a program clears the environment. A
 * limit on real-time computing, too high to limit anything, is inherited by every process and cannot be taken off
 * without privilege; only setting it needs `prlimit(1)`, and a command within a command within a command overwrites
 * that of the middle one.
 */
export interface CommandMark {
  readonly id: string;
  /** The environment with the mark in it. Marks of outer commands stay. */
  environment(env: Readonly<Record<string, string>>): Record<string, string>;
  /** The value for `prlimit --rttime`, or `undefined` where this process cannot pass it on. */
  readonly limit: string | undefined;
}

const variable = 'OSLO_CONCURRENCY_COMMANDS';

// Microseconds of real-time scheduling without a blocking call: the lowest mark stands for 3,000 years.
const lowest = 10n ** 17n;
const highest = 2n ** 63n - 1n;

/** A mark that no other command of this machine has. */
export function createMark(): CommandMark {
  const hard = inheritedLimit();
  const top = hard < highest ? hard : highest;
  const number = lowest + (nodeCrypto().randomBytes(8).readBigUInt64BE() % (highest - lowest));
  // Below the hard limit, which is the mark of an outer command, this one is lowered into the room that is left.
  const fits = top > lowest * 2n;
  const id = String(fits && number > top ? lowest + (number % (top - lowest)) : number);
  return {
    id,
    environment: (env) => ({ ...env, [variable]: env[variable] === undefined ? id : `${env[variable]},${id}` }),
    limit: fits ? `${id}:${hard < highest ? hard : id}` : undefined,
  };
}

interface SeenMarks {
  readonly start: number;
  readonly marks: ReadonlySet<string>;
  readonly at: number;
}

// What was read of each process. A mark is there from a process's birth, except between the fork and the start of a
// command's first program; so what is there counts for a moment only.
const seen = new Map<number, SeenMarks>();
const countsFor = 100;

/** The ids of the marks that a process carries; `undefined` when it ended before it could be asked. Linux only. */
export function marksOf({ pid, start }: Pick<ProcessEntry, 'pid' | 'start'>): ReadonlySet<string> | undefined {
  if (process.platform !== 'linux') return new Set();
  const now = realTime.now();
  const before = seen.get(pid);
  if (before !== undefined && before.start === start && now - before.at < countsFor) return before.marks;
  const marks = readMarks(pid);
  if (marks === undefined) return undefined;
  if (seen.size > 20_000) seen.clear();
  seen.set(pid, { start, marks, at: now });
  return marks;
}

/** Forgets what was read of other processes; for when no hunt looks any more. */
export function forgetMarks(): void {
  seen.clear();
}

// Whole numbers only: a mark that is contained in another, or none at all, would take strangers for members.
function readMarks(pid: number): ReadonlySet<string> | undefined {
  const limits = readOf(pid, 'limits');
  if (limits === undefined) return undefined;
  const marks = /^Max realtime timeout +(\d+) +(\d+)/m.exec(limits)?.slice(1) ?? [];
  // Without permission to read the environment there is no mark from it; every user may read the limits.
  const environment = readOf(pid, 'environ') ?? '';
  const given = environment.split('\0').find((entry) => entry.startsWith(`${variable}=`));
  if (given !== undefined) marks.push(...given.slice(variable.length + 1).split(','));
  return new Set(marks.filter((id) => /^\d{18,}$/.test(id)));
}

function readOf(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return undefined;
  }
}

function inheritedLimit(): bigint {
  const hard = /^Max realtime timeout +\S+ +(\d+)/m.exec(readOf(process.pid, 'limits') ?? '')?.[1];
  return hard === undefined ? highest : BigInt(hard);
}
