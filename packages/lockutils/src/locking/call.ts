import { type Clock, getLogger, getOption, processState, systemClock } from '@oslo-concurrency/core';
import type { LockDriver, LockRequest } from '../drivers/driver.js';
import { selectDriver } from '../drivers/select.js';
import type { TurnMode } from '../local/turn-queue.js';
import { defaultRegistry, type HeldTurn, leaveTurn, pathRegistry, type TurnRegistry } from '../local/turn-registry.js';
import { type Body, currentBody } from '../local/wait-graph.js';
import { lockFilePath } from '../lock-path/lock-path.js';
import { threadLockFile } from '../lock-path/thread-lock-file.js';
import { checkLockOptions, checkScope, type LockOptions } from '../options/lock-options.js';
import { ownIdentity } from '../owner/process-identity.js';

/** A queue of this process that a call passes before it may go to the driver. */
export interface Gate {
  readonly registry: TurnRegistry;
  readonly key: string;
  readonly mode: TurnMode;
}

/** One call of `lock()`, checked and with its defaults filled in. */
export interface LockCall {
  readonly id: number;
  readonly name: string;
  readonly options: LockOptions;
  readonly mode: TurnMode;
  /**
   * The gates, in this order: the name; the file of an external lock; and, if several holders may share the file, the
   * door, which is held only until the grant.
   */
  readonly gates: readonly Gate[];
  /** Only for an external lock. */
  readonly driver: LockDriver | undefined;
  readonly request: LockRequest | undefined;
  readonly clock: Clock;
  /** When the call began to wait. A call that is granted at once needs no time. */
  start: number | undefined;
  readonly inside: Body | undefined;
  body: Body | undefined;
  /** `false` if a reader must not become a writer. */
  readonly upgradable: boolean;
  turns: HeldTurn[];
}

/** The numbers of the calls of this thread, for locks and leases. */
export const callIds = processState('lockutils/ids', 1, () => ({ last: 0 }));
const exclusive: TurnMode = { shared: false, permits: undefined };
const together: TurnMode = { shared: true, permits: undefined };

/**
 * Checks the name and options before any side effect. @throws the errors of {@link checkLockOptions} and of the lock
 * path
 */
export function plan(name: string, options: LockOptions, atOnce = false): LockCall {
  checkLockOptions(name, options);
  checkScope(options);
  const path = lockFileOf(name, options);
  return callOf(name, options, options.semaphores?.registry ?? defaultRegistry, path, atOnce);
}

/** The lock file that a call needs; `undefined` for a lock of this thread only. @throws the errors of the lock path */
export function lockFileOf(name: string, options: LockOptions): string | undefined {
  if (options.external === true) {
    if (!getOption('disableProcessLocking')) return lockFilePath(name, options.lockFilePrefix, options.lockPath);
    if (options.threads !== true) warnOfThreads();
  }
  return options.threads === true ? threadLockFile(name) : undefined;
}

let warned = false;

// In oslo, locks that are not external hold between threads too, so disable_process_locking has no effect on threads
// there.
function warnOfThreads(): void {
  if (warned || ownIdentity().thread === undefined) return;
  warned = true;
  getLogger().warn(
    'disable_process_locking is on: the external locks of this worker thread hold within this thread only. ' +
      'Locks that other threads of this process also acquire need threads: true',
  );
}

/**
 * A call that takes its turn of the name in `registry`, and then the lock file at `path`. Without `path`, the lock
 * holds within this process only.
 */
export function planIn(registry: TurnRegistry, name: string, path: string | undefined, options: LockOptions): LockCall {
  checkLockOptions(name, options);
  return callOf(name, options, registry, path);
}

function callOf(
  name: string,
  options: LockOptions,
  registry: TurnRegistry,
  path: string | undefined,
  atOnce = false,
): LockCall {
  const mode = modeOf(options);
  callIds.last += 1;
  return {
    id: callIds.last,
    name,
    options,
    mode,
    gates: gatesOf(registry, name, path, mode),
    driver: path === undefined ? undefined : selectDriver(options.driver, atOnce),
    request: path === undefined ? undefined : { name, path, ...mode, label: options.label },
    clock: options.clock ?? systemClock,
    start: undefined,
    inside: options.deadlock === 'off' ? undefined : currentBody(),
    body: undefined,
    upgradable: true,
    turns: [],
  };
}

function gatesOf(registry: TurnRegistry, name: string, path: string | undefined, mode: TurnMode): readonly Gate[] {
  const ofName: Gate = { registry, key: name, mode };
  if (path === undefined) return [ofName];
  const ofFile: Gate = { registry: pathRegistry, key: path, mode };
  // Holders that share go to the driver one at a time, so that there is at most one waiter per file and process.
  if (mode === exclusive) return [ofName, ofFile];
  return [ofName, ofFile, { registry: pathRegistry, key: `${path}\0door`, mode: exclusive }];
}

function modeOf({ shared, permits }: LockOptions): TurnMode {
  if (permits !== undefined) return { shared: false, permits };
  return shared === true ? together : exclusive;
}

/** When the call began to wait: now, unless an earlier call of this function has already set it. */
export function startOf(call: LockCall): number {
  call.start ??= call.clock.now();
  return call.start;
}

/** Leaves the door, so that the next call of this process may go to the driver. */
export function leaveDoor({ gates, turns }: LockCall): void {
  if (gates.length !== 3) return;
  const door = turns.pop();
  if (door !== undefined) leaveTurn(door);
}

/**
 * Whether the call that this process admits when this one leaves its queues asks for the same lock of the same driver,
 * exclusively and without a promise of order between processes.
 */
export function isNextForSame({ driver, request, turns }: LockCall): boolean {
  const { queue } = turns.at(-1) ?? {};
  // Those that passed the queue of the name go first.
  const next = (queue?.nextCall ?? turns[0]?.queue.nextCall) as LockCall | undefined;
  if (next?.request === undefined || next.driver !== driver || next.request.path !== request?.path) return false;
  return next.mode === exclusive && next.options.fair !== true;
}

/** Leaves all queues of this process, the last one first. */
export function leaveTurns(call: LockCall): void {
  for (let i = call.turns.length - 1; i >= 0; i -= 1) leaveTurn(call.turns[i] as HeldTurn);
}

/** The fields that all events of one call carry. */
export function eventOf({ id, name, request }: LockCall): {
  id: number;
  name: string;
  external: boolean;
  lockFile?: string;
} {
  return { id, name, external: request !== undefined, ...(request === undefined ? {} : { lockFile: request.path }) };
}
