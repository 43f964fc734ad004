import { type Clock, getLogger, getOption, processState, systemClock } from '@oslo-concurrency/core';
import type { LockDriver, LockRequest } from '../drivers/driver.js';
import { selectDriver } from '../drivers/select.js';
import { type HeldTurn, leaveTurn } from '../local/held-turn.js';
import type { TurnMode } from '../local/turn-queue.js';
import { defaultRegistry, pathRegistry, type TurnRegistry } from '../local/turn-registry.js';
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
  /** In this order: the name; of an external lock the file; of a file that several may hold the door, until the grant. */
  readonly gates: readonly Gate[];
  /** Of an external lock. */
  readonly driver: LockDriver | undefined;
  readonly request: LockRequest | undefined;
  readonly clock: Clock;
  /** When the call began to wait; who is granted at once has no need of the time. */
  start: number | undefined;
  readonly inside: Body | undefined;
  body: Body | undefined;
  /** `false` where a reader must not become a writer. */
  readonly upgradable: boolean;
  turns: HeldTurn[];
}

const ids = processState('lockutils/ids', 1, () => ({ last: 0 }));
const exclusive: TurnMode = { shared: false, permits: undefined };
const together: TurnMode = { shared: true, permits: undefined };

/** Checks name and options, before any side effect. @throws what {@link checkLockOptions} and the lock path throw */
export function plan(name: string, options: LockOptions, atOnce = false): LockCall {
  checkLockOptions(name, options);
  checkScope(options);
  const path = lockFileOf(name, options);
  return callOf(name, options, options.semaphores?.registry ?? defaultRegistry, path, atOnce);
}

/** The lock file that a call needs; `undefined` for a lock of this thread only. @throws what the lock path throws */
export function lockFileOf(name: string, options: LockOptions): string | undefined {
  if (options.external === true) {
    if (!getOption('disableProcessLocking')) return lockFilePath(name, options.lockFilePrefix, options.lockPath);
    if (options.threads !== true) warnOfThreads();
  }
  return options.threads === true ? threadLockFile(name) : undefined;
}

let warned = false;

// oslo's locks hold between threads also when they are not external, so disable_process_locking takes nothing there.
function warnOfThreads(): void {
  if (warned || ownIdentity().thread === undefined) return;
  warned = true;
  getLogger().warn(
    'disable_process_locking is on: external locks of this worker thread hold within this thread only. ' +
      'Locks that other threads of this process take too need threads: true',
  );
}

/** A call whose turn of the name is in `registry`, and then for the lock file at `path`; without `path` in this process only. */
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
  ids.last += 1;
  return {
    id: ids.last,
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
  // Holders who share go to the driver one by one, so that one waiter per file and process is all there is.
  if (mode === exclusive) return [ofName, ofFile];
  return [ofName, ofFile, { registry: pathRegistry, key: `${path}\0door`, mode: exclusive }];
}

function modeOf({ shared, permits }: LockOptions): TurnMode {
  if (permits !== undefined) return { shared: false, permits };
  return shared === true ? together : exclusive;
}

/** When the call began to wait: now, if nothing has asked before. */
export function startOf(call: LockCall): number {
  call.start ??= call.clock.now();
  return call.start;
}

/** Leaves the door, so that the next one of this process may go to the driver. */
export function leaveDoor({ gates, turns }: LockCall): void {
  if (gates.length !== 3) return;
  const door = turns.pop();
  if (door !== undefined) leaveTurn(door);
}

/** Leaves all queues of this process, the last one first. */
export function leaveTurns(call: LockCall): void {
  for (let i = call.turns.length - 1; i >= 0; i -= 1) leaveTurn(call.turns[i] as HeldTurn);
}

/** What all events of one call carry. */
export function eventOf({ id, name, request }: LockCall): {
  id: number;
  name: string;
  external: boolean;
  lockFile?: string;
} {
  return { id, name, external: request !== undefined, ...(request === undefined ? {} : { lockFile: request.path }) };
}
