import { InvalidOptionError, isConcurrencyError } from '@oslo-concurrency/core';
import type { HeldLease } from '@oslo-concurrency/lockutils';
import { grantOf } from '@oslo-concurrency/lockutils/drivers';
import { FencedOutError, FencedWriteUnknownError } from './etcd-errors.js';
import { base64, type TxnResponse } from './gateway/etcd-api.js';
import { type EtcdGrant, engine } from './queue/etcd-grant.js';

/** One step of a fenced transaction, on any key of the same cluster. */
export type FencedStep =
  | { readonly put: string; readonly value: string | Uint8Array }
  | { readonly delete: string }
  | { readonly get: string };

/** What {@link withFence} answers. */
export interface FencedResult {
  /** The revision of the transaction. */
  readonly revision: bigint;
  /** What stood under the key of each `get`; `undefined` when nothing did. */
  readonly values: ReadonlyMap<string, Buffer | undefined>;
}

/**
 * Writes to etcd in one transaction that succeeds only while `held` exists there. etcd itself decides that, and no clock
 * matters. Data that is written only in this way loses no update, even if a holder is paused between a check and a write.
 *
 * Does all steps or none. A key can be written once in a transaction.
 * @param held - The lease that must still be held.
 * @param steps - What to write.
 * @throws LeaseLostError when the lease is known to be lost; FencedOutError when etcd does not have it any more;
 * FencedWriteUnknownError when the answer did not come; the driver's errors. Only after the third may it be written.
 * @example
 * await withFence(held, [{ put: 'app/counter', value: String(next) }]);
 */
export async function withFence(held: HeldLease<EtcdGrant>, steps: readonly FencedStep[]): Promise<FencedResult> {
  const grant = grantOf(held, engine);
  if (!Array.isArray(steps))
    throw new InvalidOptionError('steps', 'an array of { put, value }, { delete } or { get }', steps);
  const success = steps.map(operationOf);
  held.assertHeld();
  // The mod revision, not only the create revision: a release marks the key before it is deleted, and with the mark
  // the next holder may begin.
  const fence = { key: base64(grant.key), target: 'MOD', result: 'EQUAL', mod_revision: grant.token.toString() };
  let answer: TxnResponse;
  try {
    answer = await grant.gateway.call<TxnResponse>('/v3/kv/txn', { compare: [fence], success }, { once: true });
  } catch (error) {
    const unknown = isConcurrencyError(error) && (error as { maybeApplied?: boolean }).maybeApplied === true;
    throw unknown ? new FencedWriteUnknownError(held.name, held.fencingToken, error) : error;
  }
  if (answer.succeeded !== true) {
    grant.reportLost('gone');
    throw new FencedOutError(held.name, held.fencingToken);
  }
  const values = new Map<string, Buffer | undefined>();
  steps.forEach((step, index) => {
    if (!('get' in step)) return;
    const found = answer.responses?.[index]?.response_range?.kvs?.[0];
    values.set(step.get, found === undefined ? undefined : Buffer.from(found.value ?? '', 'base64'));
  });
  return { revision: BigInt(answer.header.revision ?? 0), values };
}

function operationOf(step: FencedStep): object {
  if ('put' in step) return { request_put: { key: base64(checked(step.put)), value: base64(step.value) } };
  if ('delete' in step) return { request_delete_range: { key: base64(checked(step.delete)) } };
  return { request_range: { key: base64(checked(step.get)) } };
}

function checked(key: unknown): string {
  if (typeof key !== 'string' || key === '') throw new InvalidOptionError('key', 'a string that is not empty', key);
  return key;
}
