import { getLogger, InvalidOptionError, systemClock } from '@oslo-concurrency/core';
import { defaultRegistry, TurnRegistry } from './local/turn-registry.js';
import { type Body, currentBody, newBody } from './local/wait-graph.js';
import { type LockCall, lockFileOf, planIn } from './locking/call.js';
import { handOver } from './locking/held/forgotten-handles.js';
import type { GrantedLock } from './locking/held/held-lock.js';
import { acquireWatched, holdAround, watchOver } from './locking/hold.js';
import { checkBody, optionsOfCall } from './options/call-arguments.js';
import { checkLockOptions, checkScope, type LockOptions } from './options/lock-options.js';

/** All locks that one {@link acquireAll} acquired, held together. Release them with `release()` or `await using`. */
export class HeldLocks implements AsyncDisposable, Disposable {
  /** The lock names, each once, in the order in which they were acquired. */
  readonly names: readonly string[];
  /** How long the call waited, in ms. */
  readonly waitedMs: number;
  readonly #granted: readonly GrantedLock[];

  /** @internal */
  constructor(names: readonly string[], granted: readonly GrantedLock[], waitedMs: number) {
    this.names = names;
    this.#granted = granted;
    this.waitedMs = waitedMs;
  }

  /** The lock files of external locks, each once, in the order in which they were acquired. */
  get lockFiles(): readonly string[] {
    return this.#granted.flatMap(({ lockFile }) => lockFile ?? []);
  }

  /** Whether the last holder of at least one of them ended without releasing. */
  get previousOwnerDied(): boolean {
    return this.#granted.some((lock) => lock.previousOwnerDied);
  }

  /** Whether all locks were released. */
  get released(): boolean {
    return this.#granted.every((lock) => lock.released);
  }

  /**
   * Releases all locks, the last one first. Another call does nothing. If the system fails to release some, the others
   * are released, and the call rejects with the first failure; it may then be called again.
   */
  async release(): Promise<void> {
    await releaseEach(this.#granted, (lock) => lock.release());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  // As with one lock: everything that the driver can do synchronously is done when this returns.
  [Symbol.dispose](): void {
    this.release().catch((error: Error) => getLogger().error(error.message));
  }
}

/** The function that runs under the locks of {@link acquireAll}. It receives the handle. */
export type LocksBody<T> = (held: HeldLocks) => T | PromiseLike<T>;

/**
 * Acquires several locks, all or none. If one of them cannot be acquired, those already acquired are released, and the
 * call rejects as `lock` does.
 *
 * Callers that acquire their locks with one `acquireAll` never wait for each other in a cycle, in whatever order they
 * name the locks, in one process or several, with other prefixes or collections (G13). The guarantee does not cover a
 * caller that asks for another lock while holding these. Names that map to one file count once. `timeout` bounds the
 * whole call.
 *
 * @param names - The names of the locks.
 * @example
 * await acquireAll(['account:7', 'account:3'], { external: true, timeout: 5000 }, () => transfer());
 */
export function acquireAll(names: readonly string[], options?: LockOptions): Promise<HeldLocks>;
export function acquireAll<T>(names: readonly string[], fn: LocksBody<T>): Promise<T>;
export function acquireAll<T>(names: readonly string[], options: LockOptions, fn: LocksBody<T>): Promise<T>;
export async function acquireAll<T>(
  names: readonly string[],
  second: LockOptions | LocksBody<T> = {},
  third?: LocksBody<T>,
): Promise<T | HeldLocks> {
  const [options, fn] = optionsOfCall<LockOptions, LocksBody<T>>(second, third);
  const calls = planAll(names, options);
  if (fn === undefined) {
    const held = await acquireInOrder(calls, options);
    return handOver(held, held.names, calls);
  }
  checkBody(fn);
  const nested = options.deadlock === 'off' ? calls : calls.map(nestIn(currentBody()));
  const held = await acquireInOrder(nested, options);
  const bodies = nested.flatMap(({ body }) => body ?? []);
  for (const body of bodies) body.acquiring = false;
  const body = bodies.at(-1);
  const [first] = nested;
  const all = first && { ...first, name: held.names.join(' + ') };
  const watched = options.warnAfter !== undefined && all !== undefined;
  const value = holdAround(held, body, watched ? () => watchOver(all, 'holding', () => fn(held)) : fn);
  for (const outer of bodies) outer.settling = body?.settling;
  return value;
}

/**
 * Places each call inside the one before, as nested `lock(name, fn)` calls would be, so that the deadlock checks see
 * which locks are held.
 */
function nestIn(outer: Body | undefined): (call: LockCall) => LockCall {
  let inside = outer;
  return (call) => {
    const body = newBody(call.name, inside, true);
    const nested = { ...call, inside, body };
    inside = body;
    return nested;
  };
}

/**
 * The calls in an order that prevents deadlocks: first the turns of all names in this process, by name, then all lock
 * files, by path.
 *
 * Why that never deadlocks: put everything that a caller can wait for in one order, names before files, each in
 * alphabetical order. A single `lock()` acquires its name, then its file; this acquires names in ascending order, then
 * files in ascending order. So each caller waits for something later in the order than everything it holds. In a cycle,
 * each caller waits for something that the next caller holds, or stands behind the next caller in the same queue. Along
 * the cycle, the position of what is waited for never decreases, so it must stay the same. Then all callers of the
 * cycle stand in one queue, and a queue has no cycle.
 *
 * Ordering the files by lock name would not work: with two prefixes, two names can have one order and their files the
 * opposite one.
 */
function planAll(names: readonly string[], options: LockOptions): LockCall[] {
  if (!Array.isArray(names)) throw new InvalidOptionError('names', 'an array of lock names', names);
  for (const name of names) checkLockOptions(name, options);
  checkLockOptions('none', options);
  checkScope(options);
  const start = (options.clock ?? systemClock).now();
  const registry = options.semaphores?.registry ?? defaultRegistry;
  const distinct = [...new Set(names)].sort();
  const turns = distinct.map((name) => planIn(registry, name, undefined, options));
  const files = filesOf(distinct, options);
  return [...turns, ...files].map((call) => ({ ...call, start }));
}

function filesOf(names: readonly string[], options: LockOptions): LockCall[] {
  const nameOf = new Map<string, string>();
  for (const name of names) {
    const path = lockFileOf(name, options);
    if (path !== undefined && !nameOf.has(path)) nameOf.set(path, name);
  }
  const paths = [...nameOf.keys()].sort();
  return paths.map((path) => planIn(new TurnRegistry(), nameOf.get(path) ?? path, path, { ...options, doLog: false }));
}

async function acquireInOrder(calls: readonly LockCall[], options: LockOptions): Promise<HeldLocks> {
  const granted: GrantedLock[] = [];
  try {
    for (const call of calls) {
      granted.push(await acquireWatched(call));
      if (call.request !== undefined && options.doLog !== false) {
        getLogger().debug(`Acquired external semaphore "${call.name}"`);
      }
    }
  } catch (error) {
    for (const { body } of calls) if (body !== undefined) body.running = false;
    // The caller never sees these locks, so the death of an earlier holder is reported to the next holder (G19).
    await releaseEach(granted, (lock) => lock.releaseUnseen()).catch((failure: Error) =>
      getLogger().error(failure.message),
    );
    throw error;
  }
  const names = calls.flatMap(({ name, request }) => (request === undefined ? [name] : []));
  return new HeldLocks(names, granted, granted.at(-1)?.waitedMs ?? 0);
}

/** Releases in reverse order. After all were tried, rejects with the first failure and logs the others. */
async function releaseEach(
  granted: readonly GrantedLock[],
  release: (lock: GrantedLock) => Promise<void>,
): Promise<void> {
  const results = await Promise.allSettled([...granted].reverse().map(release));
  const [first, ...others] = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as Error] : [],
  );
  for (const error of others) getLogger().error(error.message);
  if (first !== undefined) throw first;
}
