import { checkOptionNames } from '@oslo-concurrency/core';
import type { Grant } from '../../drivers/driver.js';
import { LockTimeoutError, UpgradeConflictError } from '../../errors/lock-errors.js';
import { LockUnsupportedError } from '../../errors/lock-file-errors.js';
import type { HeldTurn } from '../../local/turn-registry.js';
import { checkLockOptions } from '../../options/lock-options.js';
import { type Holder, thisProcess } from '../../owner/holder.js';
import { nothing, perform, type Steps, step } from '../../steps.js';
import type { LockCall } from '../call.js';
import { currentHolders } from '../report.js';
import { PatientWait } from '../wait/patient-wait.js';
import { timeUp } from '../wait/wait.js';

/** Options of an upgrade; times are milliseconds. */
export interface UpgradeOptions {
  /**
   * Reject with {@link LockTimeoutError} if the other readers have not left in time.
   * @defaultValue `Infinity`
   */
  readonly timeout?: number;
  /**
   * Abort the wait: the upgrade rejects with `signal.reason`, and the lock stays shared.
   * @defaultValue none
   */
  readonly signal?: AbortSignal;
}

const upgradeOptions: ReadonlySet<string> = new Set<keyof UpgradeOptions>(['timeout', 'signal']);

/**
 * Exclusive to shared, in one step at each level: first the driver's lock, then the turns of this process, so that no
 * other call of this process is admitted before the file can be shared.
 */
export function* downgrade(call: LockCall, grant: Grant | undefined): Steps<void> {
  if (call.mode.permits !== undefined) throw unsupported(call, 'A lock with permits');
  if (call.turns[0]?.turn.shared === true) return;
  if (grant !== undefined) {
    if (grant.downgrade === undefined) throw unsupported(call, 'This driver');
    yield* step(grant.downgrade());
  }
  for (const { queue, turn } of call.turns) queue.downgrade(turn);
  noteMode(call, true);
}

// Readers that leave send no notification, so the polling notices it.
const upgradeGuard = 10;

/**
 * Shared to exclusive: the turns of this process first, the driver's lock last. The caller holds the shared lock
 * throughout, so no writer comes between. If the upgrade is abandoned at any level, all levels become shared again.
 * `begun` is called with the wait, so that it can be ended, and again when the wait is over.
 */
export async function upgrade(
  call: LockCall,
  grant: Grant | undefined,
  options: UpgradeOptions,
  begun: (wait: PatientWait | undefined) => void,
): Promise<void> {
  checkOptionNames(options, upgradeOptions);
  checkLockOptions(call.name, options);
  if (call.mode.permits !== undefined) throw unsupported(call, 'A lock with permits');
  if (!call.upgradable) throw unsupported(call, 'A reader of a ReaderWriterLock');
  if (call.turns[0]?.turn.shared !== true) return;
  if (grant !== undefined && grant.upgrade === undefined) throw unsupported(call, 'This driver');
  const { timeout = Number.POSITIVE_INFINITY, signal } = options;
  signal?.throwIfAborted();
  const wait = new PatientWait({
    clock: call.clock,
    deadline: call.clock.now() + timeout,
    signal,
    guard: upgradeGuard,
  });
  begun(wait);
  try {
    await perform(upgrading(call, grant, timeout, wait), wait.race);
  } finally {
    begun(undefined);
    wait.close();
  }
  noteMode(call, false);
}

function* upgrading(call: LockCall, grant: Grant | undefined, timeout: number, wait: PatientWait): Steps<void> {
  let asked = 0;
  try {
    for (const held of call.turns) {
      asked += 1;
      yield* upgradeTurn(call, held);
    }
    if (grant !== undefined) yield* upgradeGrant(call, grant, wait);
  } catch (error) {
    const ours = asked < call.turns.length || grant === undefined;
    for (const { queue, turn } of call.turns.slice(0, asked)) queue.cancelUpgrade(turn);
    for (const { queue, turn } of call.turns.slice(0, asked)) queue.downgrade(turn);
    if (error !== timeUp) throw error;
    throw new LockTimeoutError(call.name, timeout, ours ? [thisProcess()] : yield* otherHolders(call));
  }
}

function* upgradeTurn(call: LockCall, { queue, turn }: HeldTurn): Steps<void> {
  let grant = (): void => {};
  const granted = new Promise<void>((resolve) => {
    grant = resolve;
  });
  const answer = queue.upgrade(turn, grant);
  if (answer === 'conflict') throw new UpgradeConflictError(call.name);
  if (answer === 'later') yield* step(granted, nothing);
}

function* upgradeGrant(call: LockCall, grant: Grant, wait: PatientWait): Steps<void> {
  const driverUpgrade = yield* step(grant.upgrade?.());
  if (driverUpgrade === undefined) throw new UpgradeConflictError(call.name);
  let done = false;
  try {
    for (;;) {
      done = yield* step(driverUpgrade.attempt(), nothing);
      if (done) return;
      yield* step(wait.pause());
    }
  } finally {
    yield* step(driverUpgrade.end());
    // An attempt that was under way may have succeeded after the wait had ended.
    if (!done) yield* step(grant.downgrade?.());
  }
}

// Records the mode for other processes' search for deadlocks.
function noteMode({ body }: LockCall, shared: boolean): void {
  if (body?.holds !== undefined) body.holds = { ...body.holds, shared };
}

// One of these records is our own: we share the lock while we wait.
function* otherHolders(call: LockCall): Steps<readonly Holder[]> {
  const holders = [...(yield* currentHolders(call))];
  const own = holders.findIndex(({ pid }) => pid === process.pid);
  if (own !== -1) holders.splice(own, 1);
  return holders;
}

function unsupported(call: LockCall, subject: string): LockUnsupportedError {
  return new LockUnsupportedError(
    call.request?.path ?? call.name,
    `${subject} cannot change between shared and exclusive`,
  );
}
