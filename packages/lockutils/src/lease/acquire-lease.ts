import { getLogger, type LockEvent, lockChannels } from '@oslo-concurrency/core';
import type { LeaseDriver, LeaseGrant, LeaseRequest } from '../drivers/lease-driver.js';
import { answeredWithin, onAbort, unlessAborted } from '../local/settle-once.js';
import { callIds } from '../locking/call.js';
import type { Holder } from '../owner/holder.js';
import { LeaseNotAcquiredError, LeaseTimeoutError, LeaseTtlTooShortError, LeaseUnansweredError } from './errors.js';
import { HeldLease } from './held-lease.js';
import { type LeaseClock, leaseClock } from './lease-clock.js';
import type { LeaseSettings } from './lease-options.js';
import { leaseMargin } from './lease-term.js';
import { limited } from './limited.js';
import { inPollTurn } from './waiting/poll-turns.js';
import { ReleaseWait } from './waiting/wait-for-release.js';

/** Waits until the driver grants `name`, for as long as `settings` allow. `clock` is for tests. */
export async function acquireLease<G extends LeaseGrant = LeaseGrant>(
  name: string,
  settings: LeaseSettings<G>,
  clock: LeaseClock = leaseClock,
): Promise<HeldLease<G>> {
  const { driver, ttl, permits, label, signal, timeout } = settings;
  signal?.throwIfAborted();
  const asked = clock.now();
  callIds.last += 1;
  const event = { name, id: callIds.last, external: true, lease: true } satisfies LockEvent;
  const publish = (what: keyof typeof lockChannels, more: Partial<LockEvent> = {}): void => {
    if (lockChannels[what].hasSubscribers) lockChannels[what].publish({ ...event, ...more });
  };
  publish('acquire');

  let holders: readonly Holder[] = [];
  let waits = false;
  const stop = new AbortController();
  const request: LeaseRequest = {
    name,
    ttl,
    permits,
    label,
    now: () => clock.now(),
    waiting(known) {
      holders = known;
      if (!stop.signal.aborted) settings.onHolders?.(known);
      if (waits || stop.signal.aborted) return;
      waits = true;
      publish('wait', { detail: known });
      try {
        settings.onWait?.({
          name,
          holders: async () => (known.length > 0 ? known : ((await driver.holders?.(name)) ?? [])),
        });
      } catch (error) {
        stop.abort(error);
      }
    },
  };
  const stopListening = signal && onAbort(signal, () => stop.abort(signal.reason));
  const stopTimer =
    timeout === 0 || timeout === Number.POSITIVE_INFINITY
      ? () => {}
      : clock.schedule(timeout, () => stop.abort(new LeaseTimeoutError(name, timeout, holders)));
  try {
    // Settles as soon as the call has to end, even if the driver takes longer.
    const work = obtain(driver, request, settings, clock, stop.signal);
    const grant = await unlessAborted(work, stop.signal, (late) => late && releaseUnused(request, late, clock));
    if (grant === undefined) {
      throw settings.blocking ? new LeaseTimeoutError(name, timeout, holders) : new LeaseNotAcquiredError(name);
    }
    const granted = clock.now();
    if (grant.validUntil - leaseMargin(ttl) <= granted) {
      releaseUnused(request, grant, clock);
      throw new LeaseTtlTooShortError(name, ttl);
    }
    publish('grant', { waitedMs: granted - asked, previousOwnerDied: false });
    return new HeldLease(grant, {
      name,
      ttl,
      renewEvery: settings.renewEvery,
      waitedMs: granted - asked,
      clock,
      onLost: (error) => publish('lost', { heldMs: clock.now() - granted, detail: error }),
      onReleased: () => publish('release', { heldMs: clock.now() - granted }),
    });
  } catch (error) {
    publish('fail', { waitedMs: clock.now() - asked, detail: error });
    throw error;
  } finally {
    stopTimer();
    stopListening?.();
  }
}

function obtain<G extends LeaseGrant>(
  driver: LeaseDriver<G>,
  request: LeaseRequest,
  settings: LeaseSettings<G>,
  clock: LeaseClock,
  stop: AbortSignal,
): Promise<G | undefined> {
  if (!settings.blocking || settings.timeout === 0) return attempt(driver, request, clock, stop);
  if (driver.acquire !== undefined) return driver.acquire(request, stop);
  const behind = (): void => {
    // A driver that cannot name the holders is no reason to end the wait.
    holdersOf(driver, request, clock).then(request.waiting, () => request.waiting([]));
  };
  return inPollTurn(driver, request.name, stop, () => poll(driver, request, clock, stop), behind);
}

/**
 * One attempt. It is abandoned when its answer would be useless: a grant counts from before its request, so after the
 * ttl nothing of it is left. Abandoning works as on an abort, and the driver releases a late grant.
 */
function attempt<G extends LeaseGrant>(
  driver: LeaseDriver<G>,
  request: LeaseRequest,
  clock: LeaseClock,
  stop: AbortSignal,
): Promise<G | undefined> {
  const ask = (either: AbortSignal): Promise<G | undefined> => driver.tryAcquire(request, either);
  // A driver that ignores the signal may still grant the lease later.
  const release = (late: G | undefined): void => late && releaseUnused(request, late, clock);
  return limited(longestAnswer(request), request.name, stop, ask, release, clock);
}

async function poll<G extends LeaseGrant>(
  driver: LeaseDriver<G>,
  request: LeaseRequest,
  clock: LeaseClock,
  stop: AbortSignal,
): Promise<G> {
  const wait = new ReleaseWait(driver, request, clock);
  try {
    for (;;) {
      const grant = await attempt(driver, request, clock, stop);
      if (grant !== undefined) return grant;
      stop.throwIfAborted();
      request.waiting(await holdersOf(driver, request, clock));
      await wait.next(stop);
    }
  } finally {
    wait.stop();
  }
}

function longestAnswer({ ttl }: LeaseRequest): number {
  return ttl + 1500;
}

/** For messages only. A driver that does not answer this request will not answer the next attempt either. */
async function holdersOf(driver: LeaseDriver, request: LeaseRequest, clock: LeaseClock): Promise<readonly Holder[]> {
  const limit = longestAnswer(request);
  const ask = async (): Promise<readonly Holder[]> => (await driver.holders?.(request.name)) ?? [];
  return answeredWithin(ask, limit, clock, () => new LeaseUnansweredError(request.name, 'acquire', limit));
}

/** Releases a grant that nobody receives. */
function releaseUnused(request: LeaseRequest, grant: LeaseGrant, clock: LeaseClock): void {
  const { name } = request;
  const limit = longestAnswer(request);
  const unanswered = (): Error => new LeaseUnansweredError(name, 'release', limit, grant.token);
  answeredWithin((overdue) => grant.release(overdue), limit, clock, unanswered).catch((error: unknown) => {
    getLogger().warn(`Releasing the lease ${name} failed; it will expire: ${String(error)}`);
  });
}
