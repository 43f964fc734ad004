import { getLogger } from '@oslo-concurrency/core';
import type { LockCall } from './call.js';

interface Handed {
  readonly names: readonly string[];
  readonly calls: readonly LockCall[];
}

// Nothing that is registered may lead to the handle: a call does not, nor do the queues of this process.
const handed = new FinalizationRegistry<Handed>(({ names, calls }) => {
  if (!calls.some(({ turns }) => turns.some(({ turn }) => turn.state === 'held'))) return;
  const [what, is] = names.length === 1 ? ['lock', 'is'] : ['locks', 'are'];
  getLogger().warn(
    `The ${what} ${names.join(', ')} ${is} held, but the handle was garbage collected unreleased, so only the end of this process releases it: await the call, and keep its handle until release()`,
  );
});

/**
 * Notes that a handle goes to the caller, and returns it. When it is garbage collected before it was released, the log
 * says so at level `warn`: an `await` or a `release()` was forgotten. The lock stays held. When that is noticed, if it
 * is at all, depends on the garbage collector.
 */
export function handOver<T extends object>(handle: T, names: readonly string[], calls: readonly LockCall[]): T {
  handed.register(handle, { names, calls });
  return handle;
}
