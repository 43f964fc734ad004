import { getLogger, InvalidOptionError } from '@oslo-concurrency/core';
import { granted } from './acquire.js';
import { type Acquisition, plan } from './acquisition.js';
import { announce, tellWait } from './acquisition-report.js';
import { giveUp, takeDoor, takeTurn } from './acquisition-turns.js';
import { optionsOfCall } from './call-arguments.js';
import type { LockDriver } from './drivers/driver.js';
import { selectDriverSync } from './drivers/select.js';
import { AcquireLockFailedError, HeldByThisThreadError, LockTimeoutError } from './errors.js';
import type { GrantedLock } from './granted-lock.js';
import { pathRegistry } from './local/turn-registry.js';
import { checkSyncOptions, type LockSyncBody, type LockSyncOptions } from './lock-sync.js';
import type { Holder } from './owner/holder.js';
import { SyncHeldLock } from './sync-held-lock.js';
import { blockThread } from './waiting/block-thread.js';
import { obtainSync } from './waiting/obtain-sync.js';
import { isThenable } from './waiting/thenable.js';

/** What {@link lockSync} does. */
export function holdSync<T>(
  name: string,
  second: LockSyncOptions | LockSyncBody<T>,
  third: LockSyncBody<T> | undefined,
): T | SyncHeldLock {
  const [options, fn] = optionsOfCall<LockSyncOptions, LockSyncBody<T>>(second, third);
  const held = new SyncHeldLock(acquireSync(planSync(name, options)));
  return fn === undefined ? held : holdAround(held, fn);
}

function planSync(name: string, options: LockSyncOptions): Acquisition {
  checkSyncOptions(name, options);
  if (options.external === false) return plan(name, options);
  return plan(name, { ...options, external: true, driver: selectDriverSync(options.driver) });
}

function acquireSync(call: Acquisition): GrantedLock {
  const { request, options } = call;
  const driver = driverOf(call);
  announce(call);
  try {
    if (!takeTurn(call, call.registry, call.name)) throw refusal(call);
    if (request === undefined || driver === undefined) return granted(call, undefined);
    if (!takeTurn(call, pathRegistry, request.path) || !takeDoor(call, request)) throw refusal(call);
    const obtained = obtainSync(driver, request, options.fair === true, patienceOf(call));
    if (obtained === undefined) throw new LockTimeoutError(call.name, options.timeout ?? 0, holdersNow(call));
    return granted(call, obtained);
  } catch (error) {
    return giveUp(call, error);
  }
}

// Chosen by `planSync`, so there is nothing to load.
const driverOf = (call: Acquisition): LockDriver | undefined => call.driver as LockDriver | undefined;

function refusal({ name, options }: Acquisition): Error {
  return options.blocking === false ? new AcquireLockFailedError(name) : new HeldByThisThreadError(name);
}

// Short at first, as most locks are held for a moment; then 200 looks a second, some microseconds each.
const pauses = [1, 2, 4];
const longPause = 5;

function patienceOf(call: Acquisition): { begin(): void; pause(): boolean } {
  const { clock, options } = call;
  call.start ??= clock.now();
  const deadline = call.start + (options.timeout ?? Number.POSITIVE_INFINITY);
  let count = 0;
  return {
    begin() {
      // Shared or counted, this thread holds the file already: whoever is before us may be waiting for that.
      if (options.blocking === false || sharesWithThisThread(call)) throw refusal(call);
      tellWait(call);
    },
    pause() {
      const left = deadline - clock.now();
      if (left <= 0) return false;
      blockThread(Math.min(left, options.delay ?? pauses[count] ?? longPause));
      count += 1;
      return true;
    },
  };
}

function sharesWithThisThread(call: Acquisition): boolean {
  const own = call.turns.find(({ registry }) => registry === pathRegistry);
  for (const turn of own?.queue.turns() ?? []) if (turn !== own?.turn) return true;
  return false;
}

function holdersNow(call: Acquisition): readonly Holder[] {
  const { request } = call;
  const driver = driverOf(call);
  if (driver === undefined || request === undefined) return [];
  try {
    const holders = driver.holders(request);
    return isThenable(holders) ? [] : holders;
  } catch {
    // It is only for the message; the error that matters is the one being made.
    return [];
  }
}

/** Runs `fn` and releases; `fn` must be through when it returns. */
function holdAround<T>(held: SyncHeldLock, fn: LockSyncBody<T>): T {
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
  if (isThenable(value)) {
    throw new InvalidOptionError('fn', 'synchronous: what it goes on with runs without the lock; use lock()', value);
  }
  return value;
}
