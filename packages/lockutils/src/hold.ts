import { getLogger, InvalidOptionError, lockChannels, watch } from '@oslo-concurrency/core';
import { acquire } from './acquire.js';
import { type Acquisition, eventOf } from './acquisition.js';
import type { GrantedLock } from './granted-lock.js';
import type { HeldLock } from './held-lock.js';
import { type Body, newBody, runBody } from './local/wait-graph.js';
import { checkWaitOptions, type WaitOptions } from './wait-options.js';
import { isThenable } from './waiting/thenable.js';

/** What runs under a lock; it gets the handle. */
export type LockBody<T> = (held: HeldLock) => T | PromiseLike<T>;

/** Acquires, then holds it around `fn` and passes its value on; without `fn`, resolves to the handle. */
export async function hold<T>(call: Acquisition, fn: LockBody<T> | undefined): Promise<T | HeldLock> {
  if (fn === undefined) return (await acquireWatched(call)) as GrantedLock & HeldLock;
  if (typeof fn !== 'function') throw new InvalidOptionError('fn', 'a function', fn);
  if (call.options.deadlock !== 'off') call.body = newBody(call.name, call.inside);
  const acquired = acquireWatched(call);
  const held = (isThenable(acquired) ? await acquired : acquired) as GrantedLock & HeldLock;
  if (call.options.warnAfter === undefined) return holdAround(held, call.body, fn);
  return holdAround(held, call.body, () => watchOver(call, 'holding', () => fn(held)));
}

/** Acquires, and warns of a wait that lasts longer than `warnAfter`. */
export function acquireWatched(call: Acquisition): GrantedLock | Promise<GrantedLock> {
  const acquired = acquire(call);
  if (call.options.warnAfter === undefined || !isThenable(acquired)) return acquired;
  return watchOver(call, 'waiting for', () => acquired);
}

/** Runs `fn`, and warns if it takes longer than `warnAfter`. */
export function watchOver<T>(
  call: Acquisition,
  phase: 'waiting for' | 'holding',
  fn: () => T | PromiseLike<T>,
): Promise<T> {
  const { warnAfter = 0 } = call.options;
  const onOverdue = (elapsed: number): void => {
    if (!lockChannels.overdue.hasSubscribers) return;
    const time = phase === 'holding' ? { heldMs: elapsed } : { waitedMs: elapsed };
    lockChannels.overdue.publish({ ...eventOf(call), ...time, detail: phase });
  };
  const options = { level: 'warn', after: warnAfter, clock: call.clock, onOverdue } as const;
  return watch(getLogger(), `${phase} lock "${call.name}"`, options, fn);
}

/**
 * What the lock objects' methods `(options?, fn?)` do: plans the call and holds it; `onGrant` is told of the handle
 * before anybody else.
 */
export async function holdPlanned<T>(
  plan: (options: WaitOptions) => Acquisition,
  first: WaitOptions | LockBody<T>,
  second: LockBody<T> | undefined,
  onGrant: (held: HeldLock) => void,
): Promise<T | HeldLock> {
  const [options, fn] = typeof first === 'function' ? [{}, first] : [first, second];
  checkWaitOptions(options);
  const call = plan(options);
  if (typeof fn === 'function') {
    return hold(call, (held) => {
      onGrant(held);
      return fn(held);
    });
  }
  const held = (await hold(call, fn)) as HeldLock;
  onGrant(held);
  return held;
}

/** Runs `fn` as `body` and releases, whatever comes of it. */
export async function holdAround<T, Held extends { release(): Promise<void> }>(
  held: Held,
  body: Body | undefined,
  fn: (held: Held) => T | PromiseLike<T>,
): Promise<T> {
  let value: T;
  try {
    value = await (body === undefined ? fn(held) : runBody(body, () => fn(held)));
  } catch (error) {
    // The body's error is what the caller must see (G14); that the release failed too is said in the log.
    await held.release().catch((failure: Error) => getLogger().error(failure.message));
    throw error;
  }
  await held.release();
  return value;
}
