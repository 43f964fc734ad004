import { getLogger, realTime } from '@oslo-concurrency/core';
import type { LockCall } from '../call.js';

interface Handed {
  readonly names: readonly string[];
  readonly calls: readonly LockCall[];
}

// Nothing that is registered may reference the handle: a call does not, nor do the queues of this process.
const registered = new FinalizationRegistry<Handed>((handed) => {
  if (!isHeld(handed)) return;
  const { names } = handed;
  const [what, is] = names.length === 1 ? ['lock', 'is'] : ['locks', 'are'];
  getLogger().warn(
    `The ${what} ${names.join(', ')} ${is} held, but the handle was garbage collected before release(), so only the end of this process releases it: await the call, and keep its handle until release()`,
  );
});

// Registering costs five times as much as an internal lock, and most handles are released at once. So the handles are
// kept here for one turn of the event loop, or until there are several, and only those that are still held are
// registered.
const some = 64;
let fresh: [handle: object, handed: Handed][] = [];

function registerHeld(): void {
  const handles = fresh;
  fresh = [];
  for (const [handle, handed] of handles) if (isHeld(handed)) registered.register(handle, handed);
}

function isHeld({ calls }: Handed): boolean {
  return calls.some(({ turns }) => turns.some(({ turn }) => turn.state === 'held'));
}

/**
 * Records that a caller receives a handle, and returns the handle. If it is garbage collected before it is released,
 * the log reports that at level `warn`: the caller forgot an `await` or a `release()`. The lock stays held. The garbage
 * collector decides when this is noticed, if at all.
 */
export function handOver<T extends object>(handle: T, names: readonly string[], calls: readonly LockCall[]): T {
  if (fresh.length === 0) realTime.setImmediate(registerHeld).unref();
  fresh.push([handle, { names, calls }]);
  if (fresh.length >= some) registerHeld();
  return handle;
}
