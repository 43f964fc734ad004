import { isConcurrencyError, nodeCrypto } from '@oslo-concurrency/core';
import type { LeaseGrantResponse } from '../gateway/etcd-api.js';
import type { AttemptSettings, Gateway } from '../gateway/gateway.js';

// A lease of etcd's own: what keys hang on.

/** The id for a new one: 62 random bits, so positive in a signed number of 64, and never 0, which says "choose one". */
export function newLeaseId(): bigint {
  return (BigInt(`0x${nodeCrypto().randomBytes(8).toString('hex')}`) >> 2n) + 1n;
}

/** Revokes a lease, with the keys that hang on it; `false` when it did not exist. */
export async function revokeLease(gateway: Gateway, lease: string, settings: AttemptSettings): Promise<boolean> {
  try {
    await gateway.call('/v3/lease/revoke', { ID: lease }, settings);
    return true;
  } catch (error) {
    if (!isLeaseNotFound(error)) throw error;
    return false;
  }
}

/** Creates a lease; answers the ttl in seconds that etcd gave; it never gives less than one and a half election timeouts. */
export async function grantLease(
  gateway: Gateway,
  lease: string,
  seconds: number,
  settings: AttemptSettings,
): Promise<number> {
  try {
    const body = { ID: lease, TTL: seconds.toString() };
    const { TTL } = await gateway.call<LeaseGrantResponse>('/v3/lease/grant', body, settings);
    return Number(TTL);
  } catch (error) {
    const repeated = isConcurrencyError(error, 'ERR_ETCD_REQUEST') && /lease already exists/.test(error.message);
    if (!repeated) throw error;
    return seconds;
  }
}

/** Whether etcd answered that it does not have the lease. */
export function isLeaseNotFound(error: unknown): boolean {
  return isConcurrencyError(error, 'ERR_ETCD_REQUEST') && /lease not found/.test(error.message);
}
