import type { Acquisition } from './acquisition.js';
import { holdersOf, thisProcess } from './acquisition-report.js';
import type { Grant, Upgrade } from './drivers/driver.js';
import { LockTimeoutError, LockUnsupportedError, UpgradeConflictError } from './errors.js';
import type { HeldTurn } from './local/held-turn.js';
import { checkLockOptions } from './lock-options.js';
import { checkOptionNames } from './option-names.js';
import type { Holder } from './owner/holder.js';
import { onAbort } from './waiting/on-abort.js';
import type { Patience } from './waiting/patience.js';
import { poll } from './waiting/poll.js';
import { isThenable } from './waiting/thenable.js';

/** Options of an upgrade; times are milliseconds. */
export interface UpgradeOptions {
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

const upgradeOptions: ReadonlySet<string> = new Set<keyof UpgradeOptions>(['timeout', 'signal']);

/**
 * Exclusive to shared, in one step at each level: first the driver's lock, then the turns of this process, so that
 * nobody here is let in before the file can be shared.
 */
export function downgrade(call: Acquisition, grant: Grant | undefined): void | Promise<void> {
  if (call.mode.permits !== undefined) throw unsupported(call, 'A lock with permits');
  if (call.turns[0]?.turn.shared === true) return;
  const share = (): void => {
    for (const { queue, turn } of call.turns) queue.downgrade(turn);
    noteMode(call, true);
  };
  if (grant !== undefined) {
    if (grant.downgrade === undefined) throw unsupported(call, 'This driver');
    const done = grant.downgrade();
    if (isThenable(done)) return Promise.resolve(done).then(share);
  }
  share();
}

/**
 * Shared to exclusive: the turns of this process first, the driver's lock last. The shared lock is held throughout, so
 * no writer comes between. When it is abandoned at any level, all levels are shared again.
 * `ending` aborts with the reason of `options.signal`, and may be aborted by whoever ends the lock itself meanwhile.
 */
export async function upgrade(
  call: Acquisition,
  grant: Grant | undefined,
  options: UpgradeOptions,
  ending: AbortController,
): Promise<void> {
  checkOptionNames(options, upgradeOptions);
  checkLockOptions(call.name, options);
  if (call.mode.permits !== undefined) throw unsupported(call, 'A lock with permits');
  if (!call.upgradable) throw unsupported(call, 'A reader of a ReaderWriterLock');
  if (call.turns[0]?.turn.shared !== true) return;
  if (grant !== undefined && grant.upgrade === undefined) throw unsupported(call, 'This driver');
  const { timeout = Number.POSITIVE_INFINITY, signal } = options;
  signal?.throwIfAborted();
  const deadline = call.clock.now() + timeout;
  const patience: Patience = { clock: call.clock, deadline, signal: ending.signal, guard: upgradeGuard };
  const forgetSignal = signal && onAbort(signal, () => ending.abort(signal.reason));
  const done: HeldTurn[] = [];
  try {
    for (const held of call.turns) {
      await upgradeTurn(call, held, timeout, patience);
      done.push(held);
    }
    if (grant !== undefined) await upgradeGrant(call, grant, timeout, patience);
  } catch (error) {
    for (const { queue, turn } of done) queue.downgrade(turn);
    throw error;
  } finally {
    forgetSignal?.();
  }
  noteMode(call, false);
}

// What is said to others who look for deadlocks.
function noteMode({ body }: Acquisition, shared: boolean): void {
  if (body?.holds !== undefined) body.holds = { ...body.holds, shared };
}

// Readers that leave tell nobody, so the guard poll is what sees it.
const upgradeGuard = 10;

function upgradeTurn(call: Acquisition, held: HeldTurn, timeout: number, patience: Patience): Promise<void> {
  const { queue, turn } = held;
  return new Promise((resolve, reject) => {
    // Aborted since the level before: its listeners have been called, and ours would wait for ever.
    patience.signal?.throwIfAborted();
    let cancelTimer: (() => void) | undefined;
    let forgetSignal: (() => void) | undefined;
    const settle = (action: () => void): void => {
      cancelTimer?.();
      forgetSignal?.();
      action();
    };
    const abandon = (): void => {
      queue.cancelUpgrade(turn);
      settle(() => reject(patience.signal?.reason));
    };
    const answer = queue.upgrade(turn, () => settle(resolve));
    if (answer === 'now') resolve();
    else if (answer === 'conflict') reject(new UpgradeConflictError(call.name));
    else {
      if (patience.signal !== undefined) forgetSignal = onAbort(patience.signal, abandon);
      if (patience.deadline !== Number.POSITIVE_INFINITY) {
        cancelTimer = patience.clock.schedule(patience.deadline - patience.clock.now(), () => {
          queue.cancelUpgrade(turn);
          settle(() => reject(new LockTimeoutError(call.name, timeout, [thisProcess()])));
        });
      }
    }
  });
}

async function upgradeGrant(call: Acquisition, grant: Grant, timeout: number, patience: Patience): Promise<void> {
  const upgrading: Upgrade | undefined = await grant.upgrade?.();
  if (upgrading === undefined) throw new UpgradeConflictError(call.name);
  const attempt = (): true | undefined | Promise<true | undefined> => {
    const alone = upgrading.attempt();
    return isThenable(alone) ? Promise.resolve(alone).then(orNotYet) : orNotYet(alone);
  };
  let done: true | undefined;
  try {
    done = await poll<true>({ attempt, giveBack: () => {} }, patience);
    if (done === undefined) throw new LockTimeoutError(call.name, timeout, await otherHoldersOf(call));
  } finally {
    await upgrading.end();
    // An attempt that was under way may have come true when nobody waited for it any more.
    if (done === undefined) await grant.downgrade?.();
  }
}

// The record of one of these is our own: we share the lock while we wait.
async function otherHoldersOf(call: Acquisition): Promise<readonly Holder[]> {
  const holders = [...(await holdersOf(call))];
  const own = holders.findIndex(({ pid }) => pid === process.pid);
  if (own !== -1) holders.splice(own, 1);
  return holders;
}

const orNotYet = (done: boolean): true | undefined => done || undefined;

function unsupported(call: Acquisition, who: string): LockUnsupportedError {
  return new LockUnsupportedError(call.request?.path ?? call.name, `${who} cannot change between shared and exclusive`);
}
