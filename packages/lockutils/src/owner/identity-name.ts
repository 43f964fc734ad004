import { nodeCrypto } from '@oslo-concurrency/core';
import { ownIdentity, type ProcessIdentity } from './process-identity.js';

const version = 'o1';
// Makes every name unique: within a process, between two copies of this package, and after the system reuses a pid.
let run: string | undefined;
let count = 0;

/**
 * A new file name that carries the identity of the calling thread, at most 255 bytes long.
 *
 * `host` may contain only letters, digits, `_`, `.` and `-`.
 *
 * The identity is in the name and not in the file, because a name exists completely or not at all, even after a power
 * failure.
 */
export function newIdentityName(host = ownIdentity().host): string {
  run ??= nodeCrypto().randomBytes(6).toString('hex');
  count += 1;
  return identityName(ownIdentity(), `${run}-${count.toString(36)}`, host);
}

/**
 * A file name that carries `identity`. `unique` distinguishes it from other names of the same identity and must not
 * contain a dot.
 */
export function identityName(identity: ProcessIdentity, unique: string, host = identity.host): string {
  const { bootId, pidNamespace, timeNamespace, pid, startTime, thread, machine } = identity;
  const fields = [
    version,
    bootId,
    pidNamespace,
    timeNamespace,
    pid,
    startTime,
    thread?.tid,
    thread?.startTime,
    machine,
  ];
  return [...fields.map((field) => field ?? ''), unique, host].join('.');
}

/** The identity in a name made by {@link newIdentityName}, or `undefined` for any other name. */
export function parseIdentityName(name: string): ProcessIdentity | undefined {
  const [found, bootId, ...rest] = name.split('.');
  const [pidNamespace, timeNamespace, pid, startTime, tid, threadStartTime] = rest.slice(0, 6).map(toNumber);
  const [machine, unique, ...host] = rest.slice(6);
  if (found !== version || pid === undefined || pid === 0 || unique === undefined || host.length === 0)
    return undefined;
  return {
    host: host.join('.'),
    ...(machine ? { machine } : {}),
    ...(bootId ? { bootId } : {}),
    ...(pidNamespace === undefined ? {} : { pidNamespace }),
    ...(timeNamespace === undefined ? {} : { timeNamespace }),
    pid,
    ...(startTime === undefined ? {} : { startTime }),
    ...(tid === undefined || threadStartTime === undefined ? {} : { thread: { tid, startTime: threadStartTime } }),
  };
}

function toNumber(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
