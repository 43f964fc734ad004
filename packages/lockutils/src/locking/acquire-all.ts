import { getLogger, InvalidOptionError, systemClock } from '@oslo-concurrency/core';
import { defaultRegistry, TurnRegistry } from '../local/turn-registry.js';
import { type Body, currentBody, newBody } from '../local/wait-graph.js';
import { checkBody, optionsOfCall } from '../options/call-arguments.js';
import { checkLockOptions, checkScope, type LockOptions } from '../options/lock-options.js';
import { type LockCall, lockFileOf, planIn } from './call.js';
import { handOver } from './forgotten-handles.js';
import type { GrantedLock } from './held-lock.js';
import { HeldLocks, releaseEach } from './held-locks.js';
import { acquireWatched, holdAround, watchOver } from './hold.js';

/** What runs under the locks of {@link acquireAll}; it gets the handle. */
export type LocksBody<T> = (held: HeldLocks) => T | PromiseLike<T>;

/** What {@link acquireAll} does. */
export async function acquireTogether<T>(
  names: readonly string[],
  second: LockOptions | LocksBody<T>,
  third: LocksBody<T> | undefined,
): Promise<T | HeldLocks> {
  const [options, fn] = optionsOfCall<LockOptions, LocksBody<T>>(second, third);
  const calls = planAll(names, options);
  if (fn === undefined) {
    const held = await takeInTurn(calls, options);
    return handOver(held, held.names, calls);
  }
  checkBody(fn);
  const nested = options.deadlock === 'off' ? calls : calls.map(nestIn(currentBody()));
  const held = await takeInTurn(nested, options);
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

/** Makes each call one inside the one before, as nested `lock(name, fn)` would be: the deadlock checks see what is held. */
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
 * The calls in the order that keeps them from deadlock: first the turns of all names in this process, by name, then
 * all lock files, by path.
 *
 * Why that never deadlocks: put all that can be waited for in one row, names before files, each in alphabetical order.
 * A single `lock()` takes its name, then its file; this takes names upwards, then files upwards. So each caller waits
 * for something further on than all it holds. In a circle each one waits for what the next one holds, or stands behind
 * the next one in the same line: going round, what is waited for never moves back, so it must stay where it is; then
 * all of them stand in one line, and a line is no circle.
 * Files in name order would not do: under two prefixes, two names can stand in one order and their files in the other.
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

async function takeInTurn(calls: readonly LockCall[], options: LockOptions): Promise<HeldLocks> {
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
    // The caller never sees them, so the death of a holder is reported to the next one (G19).
    await releaseEach(granted, (lock) => lock.releaseUnseen()).catch((failure: Error) =>
      getLogger().error(failure.message),
    );
    throw error;
  }
  const names = calls.flatMap(({ name, request }) => (request === undefined ? [name] : []));
  return new HeldLocks(names, granted, granted.at(-1)?.waitedMs ?? 0);
}
