import { getLogger, InvalidOptionError, lockChannels, watch } from '@oslo-concurrency/core';
import { type Body, newBody, runBody } from '../local/wait-graph.js';
import { checkBody, optionsOfCall } from '../options/call-arguments.js';
import { checkWaitOptions, type WaitOptions } from '../options/wait-options.js';
import { isThenable } from '../steps.js';
import { acquire, acquireSync } from './acquire.js';
import { eventOf, type LockCall } from './call.js';
import { handOver } from './forgotten-handles.js';
import type { HeldLock, LockBody, LockSyncBody, SyncHeldLock } from './handles.js';
import { type GrantedLock, releasedAtOnce, SyncGrantedLock } from './held-lock.js';

/** Acquires, then holds it around `fn` and passes its value on; without `fn`, resolves to the handle. */
export function hold<T>(call: LockCall, fn: LockBody<T> | undefined): Promise<T | HeldLock> {
  // Not async: on Node 20 the deadlock check makes each promise three times as dear, and a grant at once needs one only.
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
  const handOn = (granted: GrantedLock): HeldLock => handOver(granted, [call.name], [call]) as GrantedLock & HeldLock;
  const held = acquireWatched(call);
  return isThenable(held) ? held.then(handOn) : Promise.resolve(handOn(held));
}

function holdGranted<T>(call: LockCall, granted: GrantedLock, fn: LockBody<T>): Promise<T> {
  const held = granted as GrantedLock & HeldLock;
  const warned = call.options.warnAfter !== undefined;
  return holdAround(held, call.body, warned ? () => watchOver(call, 'holding', () => fn(held)) : fn);
}

/** The same without promises, by stopping the thread; `fn` must be through when it returns. */
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
      // The body's error is what the caller must see (G14).
      getLogger().error((failure as Error).message);
    }
    throw error;
  }
  held.release();
  if (!isThenable(value)) return value;
  throw new InvalidOptionError('fn', 'synchronous: what it goes on with runs without the lock; use lock()', value);
}

/** Acquires, and warns of a wait that lasts longer than `warnAfter`. */
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
 * What the lock objects' methods `(options?, fn?)` do: plans the call and holds it; `onGrant` is told of the handle
 * before anybody else.
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

/** Runs `fn` as `body` and releases, whatever comes of it. */
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
  return released === releasedAtOnce ? Promise.resolve(value) : released.then(() => value);
}

function holdUntil<T>(held: { release(): Promise<void> }, body: Body | undefined, pending: PromiseLike<T>): Promise<T> {
  // One function for each body: by it `bodiesThatAwait` recognizes the body.
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

// The body's error is what the caller must see (G14); that the release failed too is said in the log.
function releaseAndThrow(held: { release(): Promise<void> }, error: unknown): Promise<never> {
  const fail = (): never => {
    throw error;
  };
  return held.release().then(fail, (failure: Error) => {
    getLogger().error(failure.message);
    return fail();
  });
}
