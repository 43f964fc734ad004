import { getLogger, isConcurrencyError, realTime } from '@oslo-concurrency/core';
import type { LeaseGrant } from '../drivers/lease-driver.js';
import { acquireLease } from '../lease/acquire-lease.js';
import { leaseSettings } from '../lease/lease-options.js';
import { readingThrough } from '../lease/reading-signal.js';
import { onAbort } from '../local/settle-once.js';
import { lock } from '../lock.js';
import { type Holder, ownCommand } from '../owner/holder.js';
import { ownIdentity } from '../owner/process-identity.js';
import { checkLead, type LeaderRecord, type LeadOptions, longestBackOff } from './lead-options.js';

/** A term of leadership, as `fn` receives it. */
export interface LeaderTerm {
  readonly name: string;
  /** Aborts when the term ends under `fn`: the lease was lost (its `LeaseLostError`), or the caller's signal aborted. */
  readonly signal: AbortSignal;
  /** Greater than the token of every earlier term. `undefined` on the kernel driver, where no term can be lost. */
  readonly fencingToken: bigint | undefined;
}

/** What a won campaign gave. */
interface Mandate {
  readonly signal?: AbortSignal;
  readonly fencingToken: bigint | undefined;
  release(): Promise<void>;
}

/**
 * Runs `fn` whenever this call leads `name`, until `signal` aborts. At most one candidate leads at a time, as far as the
 * driver promises that: strictly on one machine; by a lease between machines, so check the token where you write.
 *
 * When the term is lost, its signal aborts; once `fn` has ended, the call campaigns again. When `fn` ends by itself, the
 * call resigns, which hands over at once, pauses for `backOff` and campaigns again. If `fn` throws although its term
 * lasts, the call rejects after it has resigned, or goes on if there is an `onError`. A failed campaign, such as one
 * against an engine that is down, is repeated.
 *
 * @param name - The name of the office. Candidates that give the same name elect one leader.
 * @param fn - Runs while this process leads. Its `signal` aborts when the lease is lost.
 * @throws InvalidOptionError; the error of `fn` without `onError`.
 * @example
 * await lead('scheduler', { driver, ttl: 15_000, signal }, ({ signal, fencingToken }) => schedule(fencingToken, signal));
 */
export async function lead<G extends LeaseGrant = LeaseGrant>(
  name: string,
  options: LeadOptions<G>,
  fn: (term: LeaderTerm) => unknown,
): Promise<void> {
  const { onError, backOff = 1000 } = checkLead(name, options, fn);
  const end = new AbortController();
  const stopListening = options.signal && onAbort(options.signal, () => end.abort(options.signal?.reason));
  if (options.signal?.aborted) end.abort(options.signal.reason);
  const report = reporter(options);
  let failures = 0;
  try {
    while (!end.signal.aborted) {
      try {
        const mandate = await campaign(name, options, report, end.signal);
        report({ ...ownHolder(options.label), self: true, ...tokenOf(mandate) });
        const failure = await serve(name, mandate, end.signal, fn);
        if (failure !== undefined && onError === undefined) throw new BodyFailure(failure.error);
        if (failure !== undefined) onError?.(failure.error);
        failures = failure === undefined ? 0 : failures + 1;
      } catch (error) {
        if (error instanceof BodyFailure) throw error.error;
        if (isConcurrencyError(error, 'ERR_INVALID_OPTION')) throw error;
        if (end.signal.aborted) break;
        if (onError === undefined)
          getLogger().warn(`A campaign to lead ${name} failed; trying again: ${String(error)}`);
        else onError(error);
        failures += 1;
      }
      await idle(Math.min(longestBackOff, backOff * 2 ** Math.min(failures, 16)), end.signal);
    }
  } finally {
    stopListening?.();
  }
}

/** Carries what `fn` threw past the handling of failed campaigns. */
class BodyFailure {
  readonly error: unknown;
  constructor(error: unknown) {
    this.error = error;
  }
}

/** Runs `fn` for one term and resigns. Resolves to the error of `fn`, unless the end of the term explains it. */
async function serve(
  name: string,
  mandate: Mandate,
  end: AbortSignal,
  fn: (term: LeaderTerm) => unknown,
): Promise<{ readonly error: unknown } | undefined> {
  const term = new AbortController();
  const stops = [onAbort(end, () => term.abort(end.reason))];
  if (mandate.signal !== undefined) stops.push(onAbort(mandate.signal, () => term.abort(mandate.signal?.reason)));
  if (end.aborted) term.abort(end.reason);
  // Reading the signal asks the lease's clock, so it is right after a blocked event loop too.
  const signal = readingThrough(term.signal, () => mandate.signal?.aborted);
  let failure: { readonly error: unknown } | undefined;
  try {
    await fn({ name, signal, fencingToken: mandate.fencingToken });
  } catch (error) {
    if (!signal.aborted) failure = { error };
    else if (error !== signal.reason) getLogger().debug(`The leader of ${name} ended with ${String(error)}`);
  }
  await mandate.release().catch((error: unknown) => {
    // The loss of a lease was reported by its signal; what is left of it expires.
    if (!isConcurrencyError(error, 'ERR_LEASE_LOST'))
      getLogger().warn(`Resigning from ${name} failed: ${String(error)}`);
  });
  for (const stop of stops) stop();
  return failure;
}

async function campaign<G extends LeaseGrant>(
  name: string,
  { driver, ttl, label, lockPath }: LeadOptions<G>,
  report: (leader: LeaderRecord) => void,
  signal: AbortSignal,
): Promise<Mandate> {
  const learn = (holders: readonly Holder[]): void => {
    const [leader] = holders;
    if (leader !== undefined) report({ ...leader, self: false });
  };
  if (driver !== undefined) {
    return acquireLease(name, {
      ...leaseSettings(name, { driver, ttl: ttl as number, label, signal }),
      onHolders: learn,
    });
  }
  // A lock reports once that it waits. Its holders change, so they are read again every second.
  const granted = new AbortController();
  const follow = async (holders: () => Promise<readonly Holder[]>): Promise<void> => {
    while (!granted.signal.aborted && !signal.aborted) {
      learn(await holders().catch(() => []));
      await idle(1000, granted.signal);
    }
  };
  try {
    const held = await lock(name, {
      external: true,
      label,
      lockPath,
      signal,
      onWait: (info) => void follow(() => info.holders()),
    });
    return { fencingToken: undefined, release: () => held.release() };
  } finally {
    granted.abort();
  }
}

/** Reports each leader once in a row. */
function reporter({ onLeader }: Pick<LeadOptions, 'onLeader'>): (leader: LeaderRecord) => void {
  let last = '';
  return (leader) => {
    const { self, pid, host, label, since, fencingToken } = leader;
    const key = JSON.stringify([self, pid, host, label, since?.getTime(), fencingToken?.toString()]);
    if (key === last || onLeader === undefined) return;
    last = key;
    try {
      onLeader(leader);
    } catch (error) {
      getLogger().error(`onLeader failed: ${String(error)}`);
    }
  };
}

function tokenOf({ fencingToken }: Mandate): { readonly fencingToken?: bigint } {
  return fencingToken === undefined ? {} : { fencingToken };
}

function ownHolder(label: string | undefined): Holder {
  const { pid, host } = ownIdentity();
  return {
    pid,
    host,
    command: ownCommand(),
    since: new Date(realTime.date()),
    ...(label === undefined ? {} : { label }),
  };
}

/** Resolves after `ms`, up to a quarter earlier, or when `signal` aborts. */
function idle(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      realTime.clearTimeout(timer);
      stop();
      resolve();
    };
    const timer = realTime.setTimeout(done, ms * (1 - Math.random() / 4));
    const stop = onAbort(signal, done);
  });
}
