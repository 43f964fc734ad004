import { hostname } from 'node:os';
import { basename } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
import type { Holder } from '@oslo-concurrency/lockutils';

/** What is stored of this process. It holds only the program and the script of the command line: arguments may be secret. */
export function ownerValue(label: string | undefined): string {
  const command = [process.execPath, ...process.argv.slice(1, 2)].map((path) => basename(path)).join(' ');
  return JSON.stringify({
    pid: process.pid,
    command: command.slice(0, 200),
    host: hostname(),
    ...(label === undefined ? {} : { label }),
    since: new Date(realTime.date()).toISOString(),
  });
}

/** The process that stored `value`. Empty if it cannot be read. */
export function holderOf(value: string): Holder {
  const { pid, command, host, label, since } = read(value);
  const date = new Date(typeof since === 'string' ? since : Number.NaN);
  return {
    ...(typeof pid === 'number' ? { pid } : {}),
    ...(typeof command === 'string' ? { command } : {}),
    ...(typeof host === 'string' ? { host } : {}),
    ...(typeof label === 'string' ? { label } : {}),
    ...(Number.isNaN(date.getTime()) ? {} : { since: date }),
  };
}

function read(text: string): { readonly [field: string]: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as { [field: string]: unknown }) : {};
  } catch {
    return {};
  }
}
