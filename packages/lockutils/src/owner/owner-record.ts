import { type Holder, ownCommand, printable } from './holder.js';
import { ownIdentity, type ProcessIdentity } from './process-identity.js';

/**
 * The record that a holder writes beside or into its lock, so that others can name the holder and see whether it is
 * alive.
 */
export interface OwnerRecord extends ProcessIdentity {
  /** {@link ownCommand}, cut at 200 characters. */
  readonly command: string;
  readonly label?: string;
  /** The holder's `permits` option. */
  readonly permits?: number;
  /** When the lock was granted: milliseconds since 1970 by the holder's wall clock. For people only. */
  readonly since: number;
}

/** No record is longer, so one read and one write of this size always suffice. */
export const maxOwnerRecordBytes = 1024;

const magic = 'oslo-concurrency owner 1\n';
const maxCommand = 200;
// Leaves room for a label of at least 100 bytes, whatever the host and the command are.
const maxStaticBytes = 860;

let prefix: string | undefined;
let prefixBytes = 0;

/**
 * The record of the calling thread, at most {@link maxOwnerRecordBytes} long: one line that names the format and one
 * line of JSON. A label that does not fit is cut.
 */
export function encodeOwnerRecord(label: string | undefined, since: number, permits?: number): Buffer {
  prefix ??= encodePrefix();
  const tail = `${permits === undefined ? '' : `,"permits":${permits}`},"since":${Math.trunc(since)}}\n`;
  if (label === undefined) return Buffer.from(prefix + tail);
  const room = maxOwnerRecordBytes - prefixBytes - tail.length - ',"label":'.length;
  return Buffer.from(`${prefix},"label":${cutJson(label, room)}${tail}`);
}

/**
 * Replaces `since` in a record of {@link encodeOwnerRecord}, at a fraction of the cost of encoding a new one. Returns
 * `false` if the new number has a different length than the old one; the bytes are not a valid record then.
 */
export function restampOwnerRecord(record: Buffer, since: number): boolean {
  // The record ends with the number, a closing brace and a newline.
  let at = record.length - 3;
  for (let rest = Math.trunc(since); rest > 0; at -= 1) {
    const there = record[at] as number;
    if (there < zero || there > nine) return false;
    const digit = rest % 10;
    record[at] = zero + digit;
    rest = (rest - digit) / 10;
  }
  return record[at] === colon;
}

const zero = 0x30;
const nine = 0x39;
const colon = 0x3a;

/**
 * Decodes a record. Bytes after its last newline are ignored, because a longer record may have been there before.
 *
 * Returns `undefined` for anything but a complete record; never throws. Control characters become `?`: otherwise the
 * author of a record could write to the terminal of a person reading an error message.
 */
export function decodeOwnerRecord(bytes: Uint8Array): OwnerRecord | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, maxOwnerRecordBytes)).toString();
  if (!text.startsWith(magic)) return undefined;
  const end = text.indexOf('\n', magic.length);
  if (end === -1) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text.slice(magic.length, end));
  } catch {
    return undefined;
  }
  return typeof value === 'object' && value !== null ? validated(value as { [key: string]: unknown }) : undefined;
}

/** The part of a record that is shown to people. */
export function holderOf(record: OwnerRecord): Holder {
  return {
    pid: record.pid,
    command: record.command,
    host: record.host,
    ...(record.label === undefined ? {} : { label: record.label }),
    ...(record.permits === undefined ? {} : { permits: record.permits }),
    since: new Date(record.since),
  };
}

function encodePrefix(): string {
  const identity = ownIdentity();
  let command = Array.from(ownCommand()).slice(0, maxCommand).join('');
  let encoded: string;
  do {
    encoded = `${magic}${JSON.stringify({ ...identity, command }).slice(0, -1)}`;
    prefixBytes = Buffer.byteLength(encoded);
    command = Array.from(command).slice(0, -10).join('');
  } while (prefixBytes > maxStaticBytes && command !== '');
  return encoded;
}

// Cuts between characters, so that the result is valid JSON. A character takes one byte or, escaped, up to six.
function cutJson(text: string, maxBytes: number): string {
  let json = '';
  let room = maxBytes - 2;
  for (const character of text) {
    const encoded = JSON.stringify(character).slice(1, -1);
    room -= Buffer.byteLength(encoded);
    if (room < 0) break;
    json += encoded;
  }
  return `"${json}"`;
}

function validated(value: { readonly [key: string]: unknown }): OwnerRecord | undefined {
  const { pid, since, host, command, label, permits } = value;
  const { machine, bootId, pidNamespace, timeNamespace, startTime, thread } = value;
  if (!isNumber(pid) || pid === 0 || !isNumber(since) || since > 8.64e15) return undefined;
  if (typeof host !== 'string' || typeof command !== 'string') return undefined;
  return {
    host: printable(host),
    ...(typeof machine === 'string' ? { machine } : {}),
    ...(typeof bootId === 'string' ? { bootId } : {}),
    ...(isNumber(pidNamespace) ? { pidNamespace } : {}),
    ...(isNumber(timeNamespace) ? { timeNamespace } : {}),
    pid,
    ...(isNumber(startTime) ? { startTime } : {}),
    ...(isThread(thread) ? { thread: { tid: thread.tid, startTime: thread.startTime } } : {}),
    command: printable(command),
    ...(typeof label === 'string' ? { label: printable(label) } : {}),
    ...(isNumber(permits) ? { permits } : {}),
    since,
  };
}

function isThread(value: unknown): value is { tid: number; startTime: number } {
  const thread = value as { tid?: unknown; startTime?: unknown } | null;
  return typeof thread === 'object' && thread !== null && isNumber(thread.tid) && isNumber(thread.startTime);
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
