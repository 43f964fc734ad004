import { getLogger, InvalidOptionError, lockChannels, watch } from '@oslo-concurrency/core';
import { type Body, leaveBody, newBody, runBody } from '../local/wait-graph.js';
import { checkBody, optionsOfCall } from '../options/call-arguments.js';
import { checkWaitOptions, type WaitOptions } from '../options/wait-options.js';
import { isThenable } from '../steps.js';
import { acquire, acquireSync } from './acquire.js';
import { eventOf, type LockCall } from './call.js';
import { handOver } from './held/forgotten-handles.js';
import type { HeldLock, LockBody, LockSyncBody, SyncHeldLock } from './held/handles.js';
import { type GrantedLock, releasedAtOnce } from './held/held-lock.js';
import { SyncGrantedLock } from './held/sync-held-lock.js';

/**
 * Acquires the lock. With `fn`, holds it while `fn` runs and resolves to the value of `fn`; without, resolves to the
 * handle.
 */
export function hold<T>(call: LockCall, fn: LockBody<T> | undefined): Promise<T | HeldLock> {
  // Not async: on Node 20 the deadlock check makes each promise three times as expensive, and an immediate grant needs
  // only one.
  try {
    if (fn === undefined) return handleOf(call);
    checkBody(fn);
    if (call.options.deadlock !== 'off') call.body = newBody(call.name, call.inside);
    const held = acquireWatched(call);
    return isThenable(held) ? held.then((later) => holdGranted(call, later, fn)) : holdGranted(call, held, fn);
  } catch (error) {
    return Promise.reject(error);
  }
}

function handleOf(call: LockCall): Promise<HeldLock> {
  const asHandle = (granted: GrantedLock): HeldLock => handOver(granted, [call.name], [call]) as GrantedLock & HeldLock;
  const held = acquireWatched(call);
  return isThenable(held) ? held.then(asHandle) : Promise.resolve(asHandle(held));
}

function holdGranted<T>(call: LockCall, granted: GrantedLock, fn: LockBody<T>): Promise<T> {
  const held = granted as GrantedLock & HeldLock;
  const warned = call.options.warnAfter !== undefined;
  return holdAround(held, call.body, warned ? () => watchOver(call, 'holding', () => fn(held)) : fn);
}

/** The same without promises, by stopping the thread. `fn` must have finished when it returns. */
export function holdSync<T>(call: LockCall, fn: LockSyncBody<T> | undefined): T | SyncHeldLock {
  if (fn !== undefined) checkBody(fn);
  const held = new SyncGrantedLock(acquireSync(call));
  if (fn === undefined) return handOver(held, [call.name], [call]);
  let value: T;
  try {
    value = fn(held);
  } catch (error) {
    try {
      held.release();
    } catch (failure) {
      // The caller must see the body's error (G14).
      getLogger().error((failure as Error).message);
    }
    throw error;
  }
  held.release();
  if (!isThenable(value)) return value;
  throw new InvalidOptionError('fn', 'synchronous: the rest of it would run without the lock; use lock()', value);
}

/** Acquires the lock, and warns if the wait lasts longer than `warnAfter`. */
export function acquireWatched(call: LockCall): GrantedLock | Promise<GrantedLock> {
  if (call.options.warnAfter === undefined) return acquire(call);
  return watchOver(call, 'waiting for', () => acquire(call));
}

/** Runs `fn`, and warns if it takes longer than `warnAfter`. */
export function watchOver<T>(
  call: LockCall,
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
 * Implements the methods `(options?, fn?)` of the lock objects: plans the call and holds the lock. `onGrant` receives
 * the handle before the caller does.
 */
export async function holdPlanned<T>(
  plan: (options: WaitOptions) => LockCall,
  first: WaitOptions | LockBody<T>,
  second: LockBody<T> | undefined,
  onGrant: (held: HeldLock) => void,
): Promise<T | HeldLock> {
  const [options, fn] = optionsOfCall<WaitOptions, LockBody<T>>(first, second);
  checkWaitOptions(options);
  const call = plan(options);
  if (fn !== undefined) {
    checkBody(fn);
    return hold(call, (held) => {
      onGrant(held);
      return fn(held);
    });
  }
  const held = (await hold(call, undefined)) as HeldLock;
  onGrant(held);
  return held;
}

/** Runs `fn` as `body`, then releases, whether `fn` succeeded or failed. */
export function holdAround<T, Held extends { release(): Promise<void> }>(
  held: Held,
  body: Body | undefined,
  fn: (held: Held) => T | PromiseLike<T>,
): Promise<T> {
  let value: T | PromiseLike<T>;
  try {
    value = body === undefined ? fn(held) : runBody(body, fn, held);
    if (isThenable(value)) return holdUntil(held, body, value);
  } catch (error) {
    return releaseAndThrow(held, error);
  }
  const released = held.release();
  if (released === releasedAtOnce) return Promise.resolve(value);
  if (body !== undefined) leaveBody(body);
  return released.then(() => value);
}

function holdUntil<T>(held: { release(): Promise<void> }, body: Body | undefined, pending: PromiseLike<T>): Promise<T> {
  // One function for each body: `bodiesThatAwait` recognizes the body by it.
  const settling = async (): Promise<T> => {
    let value: T;
    try {
      value = await pending;
    } catch (error) {
      return releaseAndThrow(held, error);
    }
    const released = held.release();
    if (released !== releasedAtOnce) await released;
    return value;
  };
  if (body !== undefined) body.settling = settling;
  return settling();
}

// The caller must see the body's error (G14). The log reports that the release failed too.
function releaseAndThrow(held: { release(): Promise<void> }, error: unknown): Promise<never> {
  const fail = (): never => {
    throw error;
  };
  return held.release().then(fail, (failure: Error) => {
    getLogger().error(failure.message);
    return fail();
  });
}
