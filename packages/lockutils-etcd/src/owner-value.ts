import { hostname } from 'node:os';
import { basename } from 'node:path';
import type { Holder } from '@oslo-concurrency/lockutils';

/** What is stored under a key of the queue: who put it there, and whether it was given up on purpose. */
interface OwnerValue {
  readonly pid?: number;
  readonly command?: string;
  readonly host?: string;
  readonly label?: string;
  readonly since?: string;
  readonly released?: boolean;
}

/** The value for a key of this process. Of the command line only the program and its script: arguments may be secret. */
export function ownerValue(label: string | undefined): string {
  const command = [process.execPath, ...process.argv.slice(1, 2)].map((path) => basename(path)).join(' ');
  const value: OwnerValue = {
    pid: process.pid,
    command: command.slice(0, 200),
    host: hostname(),
    ...(label === undefined ? {} : { label }),
    since: new Date().toISOString(),
  };
  return JSON.stringify(value);
}

/** The same value, marked as given up by its holder. */
export function releasedValue(value: string): string {
  return JSON.stringify({ ...read(value), released: true });
}

/** Whether the holder gave the key up on purpose. `value` in base64. */
export function isReleased(value: string | undefined): boolean {
  return value !== undefined && read(fromBase64(value)).released === true;
}

/** Who stands behind a key. Empty for a key of another program, such as `etcdctl lock`. `value` in base64. */
export function holderOf(value: string | undefined): Holder {
  const { pid, command, host, label, since } = read(fromBase64(value ?? ''));
  const date = new Date(since ?? Number.NaN);
  return {
    ...(typeof pid === 'number' ? { pid } : {}),
    ...(typeof command === 'string' ? { command } : {}),
    ...(typeof host === 'string' ? { host } : {}),
    ...(typeof label === 'string' ? { label } : {}),
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
