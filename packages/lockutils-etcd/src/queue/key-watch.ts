import { getLogger } from '@oslo-concurrency/core';
import { base64, keysUnder } from '../gateway/etcd-api.js';
import type { Gateway } from '../gateway/gateway.js';
import type { Member } from '../gateway/member.js';
import { type Farewell, farewellOf } from './owner-value.js';

/** What became of a watched key: given up, or gone without a word. `broken`: the watch ended before it was known. */
export type KeyFate = Farewell | 'deleted' | 'broken';

/**
 * Watches one key at the current member, from `revision` on, until it is released or deleted, or `signal` aborts.
 * `farewell` is the mark it had before.
 */
export async function watchKey(
  gateway: Gateway,
  key: string,
  revision: bigint,
  signal: AbortSignal,
  farewell?: Farewell,
): Promise<KeyFate> {
  let said = farewell;
  const member: Member = gateway.current;
  try {
    const token = await gateway.token(signal);
    const create = { key: base64(key), start_revision: revision.toString() };
    for await (const message of member.watch(create, { timeout: gateway.requestTimeout, signal, token })) {
      if (message.canceled) return 'broken';
      for (const event of message.events ?? []) {
        // PUT is the default of the enumeration, which the gateway leaves out.
        if (event.type === 'DELETE') return said ?? 'deleted';
        said = farewellOf(event.kv.value);
        if (said === 'released') return said;
      }
    }
  } catch (error) {
    getLogger().debug(`Watching ${key} at ${member.endpoint} failed: ${String(error)}`);
  }
  return 'broken';
}

/**
 * Watches the queue at the current member until `needed` of the keys that stand before `own` have been given up or
 * deleted: the fate of the last of them, or `deleted` if any of them went without a word.
 */
export async function watchQueue(
  gateway: Gateway,
  prefix: string,
  own: bigint,
  from: { readonly revision: bigint; readonly needed: number },
  signal: AbortSignal,
): Promise<KeyFate> {
  const member: Member = gateway.current;
  const gone = new Map<string, KeyFate>();
  try {
    const token = await gateway.token(signal);
    const create = { ...keysUnder(prefix), start_revision: from.revision.toString(), prev_kv: true };
    for await (const message of member.watch(create, { timeout: gateway.requestTimeout, signal, token })) {
      if (message.canceled) return 'broken';
      for (const { type, kv, prev_kv: before } of message.events ?? []) {
        const created = BigInt((type === 'DELETE' ? before?.create_revision : kv.create_revision) ?? own);
        if (created >= own || gone.has(kv.key)) continue;
        const said = farewellOf(type === 'DELETE' ? before?.value : kv.value);
        if (type === 'DELETE' || said !== undefined) gone.set(kv.key, said ?? 'deleted');
      }
      if (gone.size >= from.needed) return [...gone.values()].includes('deleted') ? 'deleted' : 'released';
    }
  } catch (error) {
    getLogger().debug(`Watching ${prefix} at ${member.endpoint} failed: ${String(error)}`);
  }
  return 'broken';
}
