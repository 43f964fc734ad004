import { getLogger } from '@oslo-concurrency/core';
import { base64 } from './gateway/etcd-api.js';
import type { Gateway } from './gateway/gateway.js';
import type { Member } from './gateway/member.js';
import { isReleased } from './owner-value.js';

/** What became of a watched key; `broken`: the watch ended before anything was known. */
export type KeyFate = 'released' | 'deleted' | 'broken';

/** Watches one key at the current member, from `revision` on, until it is given up or deleted, or `signal` aborts. */
export async function watchKey(gateway: Gateway, key: string, revision: bigint, signal: AbortSignal): Promise<KeyFate> {
  const member: Member = gateway.current;
  try {
    const token = await gateway.token(signal);
    const create = { key: base64(key), start_revision: revision.toString() };
    for await (const message of member.watch(create, { timeout: gateway.requestTimeout, signal, token })) {
      if (message.canceled) return 'broken';
      for (const event of message.events ?? []) {
        // PUT is the default of the enumeration, which the gateway leaves out.
        if (event.type === 'DELETE') return 'deleted';
        if (isReleased(event.kv.value)) return 'released';
      }
    }
  } catch (error) {
    getLogger().debug(`Watching ${key} at ${member.endpoint} failed: ${String(error)}`);
  }
  return 'broken';
}
