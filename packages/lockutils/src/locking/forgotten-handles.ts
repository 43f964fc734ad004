import { getLogger, realTime } from '@oslo-concurrency/core';
import type { LockCall } from './call.js';

interface Handed {
  readonly names: readonly string[];
  readonly calls: readonly LockCall[];
}

// Nothing that is registered may lead to the handle: a call does not, nor do the queues of this process.
const registered = new FinalizationRegistry<Handed>((handed) => {
  if (!isHeld(handed)) return;
  const { names } = handed;
  const [what, is] = names.length === 1 ? ['lock', 'is'] : ['locks', 'are'];
  getLogger().warn(
    `The ${what} ${names.join(', ')} ${is} held, but the handle was garbage collected unreleased, so only the end of this process releases it: await the call, and keep its handle until release()`,
  );
});

// To register costs five times as much as an internal lock, and most handles are released at once. So they are kept here
// for a turn of the event loop, or until there are some, and only those that are still held are registered.
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
 * Notes that a handle goes to the caller, and returns it. When it is garbage collected before it was released, the log
 * says so at level `warn`: an `await` or a `release()` was forgotten. The lock stays held. When that is noticed, if it
 * is at all, depends on the garbage collector.
 */
export function handOver<T extends object>(handle: T, names: readonly string[], calls: readonly LockCall[]): T {
  if (fresh.length === 0) realTime.setImmediate(registerHeld).unref();
  fresh.push([handle, { names, calls }]);
  if (fresh.length >= some) registerHeld();
  return handle;
}
