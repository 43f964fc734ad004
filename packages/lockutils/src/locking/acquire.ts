import type { LockDriver, LockRequest } from '../drivers/driver.js';
import { endTurnNow } from '../drivers/end-of-turn.js';
import { LockUnsupportedError } from '../errors/lock-file-errors.js';
import type { Turn } from '../local/turn-queue.js';
import { Cuttable, isThenable, nothing, perform, runSync, type Steps } from '../steps.js';
import { type Gate, type LockCall, leaveDoor, leaveTurns } from './call.js';
import { CycleSearch } from './deadlock/cycle-search.js';
import { GrantedLock } from './held/held-lock.js';
import { type Answer, firstTry, type Obtained, obtain, soon } from './obtain.js';
import { announce, notFree, reportFailure, reportGrant, timedOut } from './report.js';
import { BlockingWait } from './wait/blocking-wait.js';
import { CallWait } from './wait/call-wait.js';
import { mustWait, timeUp, type Wait } from './wait/wait.js';

/**
 * Acquires the lock. If it is free, this happens at once, so an uncontended lock costs no timer, promise or listener.
 */
export function acquire(call: LockCall): GrantedLock | Promise<GrantedLock> {
  announce(call);
  const { signal } = call.options;
  if (signal?.aborted === true) {
    reportFailure(call, signal.reason);
    throw signal.reason;
  }
  const begun = begin(call);
  if (begun instanceof GrantedLock) return begun;
  const wait = new CallWait(call);
  return perform(acquiring(call, begun, wait), wait.race);
}

/** The same, but stops this thread while it waits. */
export function acquireSync(call: LockCall): GrantedLock {
  announce(call);
  const begun = begin(call);
  if (begun instanceof GrantedLock) return begun;
  // This thread may stop before the end of the turn, and wait for what was put off to that.
  endTurnNow();
  const text = `The driver ${call.driver?.name} returns promises, so lockSync cannot use it; use lock()`;
  return runSync(
    acquiring(call, begun, new BlockingWait(call)),
    () => new LockUnsupportedError(call.request?.path ?? '', text),
  );
}

/** What a call that was not granted the lock at once has done: its first try, if it has passed all its queues. */
interface Begun {
  readonly tried: { readonly first: Answer } | undefined;
}

/**
 * Passes the queues of this process that are free, and if all are, makes the first try. A lock that is free is granted
 * here, without the procedure: that takes two thirds off an internal lock and a fifth off an external one.
 */
function begin(call: LockCall): GrantedLock | Begun {
  try {
    for (const gate of call.gates) if (!passAtOnce(call, gate)) return { tried: undefined };
    if (call.request === undefined) return granted(call, undefined);
    const first = tryFirst(call, call.request);
    return first === undefined || isThenable(first)
      ? { tried: { first } }
      : granted(call, { grant: first, place: undefined });
  } catch (error) {
    throw failed(call, error);
  }
}

function tryFirst({ driver, options }: LockCall, request: LockRequest): Answer {
  return firstTry(driver as LockDriver, request, options.fair === true, options.blocking !== false);
}

/**
 * Passes the other queues of this process one after the other, then the driver. If a step fails, the call leaves the
 * queues it has passed.
 */
function* acquiring(call: LockCall, { tried }: Begun, wait: Wait): Steps<GrantedLock> {
  const { driver, request, options } = call;
  try {
    for (const gate of call.gates.slice(call.turns.length)) {
      if (passAtOnce(call, gate) || (yield* passSoon(call, gate, wait))) continue;
      yield* passLater(call, gate, wait);
    }
    if (driver === undefined || request === undefined) return granted(call, undefined);
    const { first } = tried ?? { first: tryFirst(call, request) };
    return granted(call, yield* obtain(driver, request, { first, fair: options.fair === true, wait }));
  } catch (error) {
    throw failed(call, yield* explained(call, error));
  } finally {
    wait.close();
  }
}

function failed(call: LockCall, failure: unknown): unknown {
  leaveTurns(call);
  reportFailure(call, failure);
  return failure;
}

function* explained(call: LockCall, error: unknown): Steps<unknown> {
  if (error === timeUp) return yield* timedOut(call);
  return error === mustWait ? yield* notFree(call) : error;
}

function passAtOnce(call: LockCall, { registry, key, mode }: Gate): boolean {
  const queue = registry.open(key);
  const turn = queue.take(mode, call.body);
  if (turn === undefined) return false;
  const held = { registry, key, queue, turn };
  // The first push to an empty array allocates room for 17 elements.
  if (call.turns.length === 0) call.turns = [held];
  else call.turns.push(held);
  return true;
}

/** The door is held only until a grant, which may be on its way. */
function* passSoon(call: LockCall, gate: Gate, wait: Wait): Steps<boolean> {
  // biome-ignore lint/correctness/useYield: the look of a queue of this process needs no step.
  const look = function* (): Steps<boolean> {
    return passAtOnce(call, gate);
  };
  return gate === call.gates[2] && (yield* soon(wait, look));
}

function* passLater(call: LockCall, { registry, key, mode }: Gate, wait: Wait): Steps<void> {
  const { name, request, inside, body } = call;
  const queue = registry.open(key);
  let turn: Turn | undefined;
  let search: CycleSearch | undefined;
  try {
    wait.begin('turn');
    let wake = nothing;
    const untilWoken = (): Promise<void> =>
      new Promise((resolve) => {
        wake = resolve;
      });
    let woken = untilWoken();
    turn = queue.join(mode, body, () => wake(), call);
    if (inside !== undefined && turn.state !== 'held') {
      search = new CycleSearch({ name, queue, turn, path: request?.path }, inside, () => wake());
    }
    while (turn.state !== 'held') {
      // What `step` does, without its procedure: each of many tasks that wait comes by here.
      yield new Cuttable(woken, nothing);
      if (search === undefined) break;
      woken = untilWoken();
      if (turn.state === 'waiting') search.look();
    }
    call.turns.push({ registry, key, queue, turn });
  } catch (error) {
    // Also if the turn was granted at the moment when the wait ended.
    if (turn !== undefined) queue.leave(turn);
    registry.settle(key, queue);
    throw error;
  } finally {
    search?.close();
  }
}

function granted(call: LockCall, obtained: Obtained | undefined): GrantedLock {
  const { request } = call;
  leaveDoor(call);
  if (call.body !== undefined && request !== undefined && request.permits === undefined) {
    call.body.holds = { path: request.path, shared: request.shared };
  }
  const waitedMs = call.start === undefined ? 0 : call.clock.now() - call.start;
  reportGrant(call, waitedMs, obtained?.grant.previousOwnerDied === true);
  return new GrantedLock(call, obtained, waitedMs);
}
