import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

/**
 * What every process of one command carries, wherever it goes, so that it can be found again.
 *
 * Two marks, because each can be lost. An environment variable is inherited unless somebody clears the environment. A
 * limit on real-time computing, so high that it limits nothing, is inherited by everybody and cannot be taken off
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
  const number = lowest + (randomBytes(8).readBigUInt64BE() % (highest - lowest));
  // Below the hard limit, which is the mark of an outer command, this one is lowered into the room that is left.
  const fits = top > lowest * 2n;
  const id = String(fits && number > top ? lowest + (number % (top - lowest)) : number);
  return {
    id,
    environment: (env) => ({ ...env, [variable]: env[variable] === undefined ? id : `${env[variable]},${id}` }),
    limit: fits ? `${id}:${hard < highest ? hard : id}` : undefined,
  };
}

/** Whether a process carries the mark; `undefined` when it ended before it could be asked. Linux only. */
export function carriesMark(pid: number, id: string): boolean | undefined {
  const limits = readOf(pid, 'limits');
  if (limits === undefined) return undefined;
  // Who may not read the environment gets none; the limits are open to all.
  return limits.includes(id) || (readOf(pid, 'environ')?.includes(id) ?? false);
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
