import { hostname } from 'node:os';
import { basename } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
import type { Holder } from '@oslo-concurrency/lockutils';

/** How a key is given up on purpose: by its holder, or by a waiter that goes. */
export type Farewell = 'released' | 'left';

/** What is stored under a key of the queue: the process that put it there, and how that process gave it up. */
interface OwnerValue {
  readonly pid?: number;
  readonly command?: string;
  readonly host?: string;
  readonly label?: string;
  readonly permits?: number;
  readonly since?: string;
  readonly farewell?: Farewell;
}

/** The value for a key of this process. It holds only the program and the script of the command line: arguments may be secret. */
export function ownerValue(label: string | undefined, permits: number): string {
  const command = [process.execPath, ...process.argv.slice(1, 2)].map((path) => basename(path)).join(' ');
  const value: OwnerValue = {
    pid: process.pid,
    command: command.slice(0, 200),
    host: hostname(),
    ...(label === undefined ? {} : { label }),
    ...(permits === 1 ? {} : { permits }),
    since: new Date(realTime.date()).toISOString(),
  };
  return JSON.stringify(value);
}

/** The same value, with the mark of having been given up. */
export function withFarewell(value: string, farewell: Farewell): string {
  return JSON.stringify({ ...read(value), farewell });
}

/** How the key was given up, if it was. `value` in base64. */
export function farewellOf(value: string | undefined): Farewell | undefined {
  const { farewell } = read(fromBase64(value ?? ''));
  return farewell === 'released' || farewell === 'left' ? farewell : undefined;
}

/** How many holders the request behind a key admits; 1 for a key of another program. `value` in base64. */
export function permitsOf(value: string | undefined): number {
  const { permits } = read(fromBase64(value ?? ''));
  return typeof permits === 'number' && permits >= 1 ? permits : 1;
}

/** The process behind a key. Empty for a key of another program, such as `etcdctl lock`. `value` in base64. */
export function holderOf(value: string | undefined): Holder {
  const { pid, command, host, label, permits, since } = read(fromBase64(value ?? ''));
  const date = new Date(since ?? Number.NaN);
  return {
    ...(typeof pid === 'number' ? { pid } : {}),
    ...(typeof command === 'string' ? { command } : {}),
    ...(typeof host === 'string' ? { host } : {}),
    ...(typeof label === 'string' ? { label } : {}),
    ...(typeof permits === 'number' ? { permits } : {}),
    ...(Number.isNaN(date.getTime()) ? {} : { since: date }),
  };
}

function fromBase64(value: string): string {
  return Buffer.from(value, 'base64').toString();
}

function read(text: string): OwnerValue {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
