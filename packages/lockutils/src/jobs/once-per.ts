import { getLogger, getOption, InvalidOptionError } from '@oslo-concurrency/core';
import type { LeaseGrant, LeaseRecord } from '../drivers/lease-driver.js';
import { LockPathRequiredError } from '../errors/lock-path-errors.js';
import { LeaseLostError } from '../lease/errors.js';
import { lease } from '../lease/lease.js';
import { lock } from '../lock.js';
import { checkOncePer, type OncePerOptions } from './once-options.js';
import { recordFile } from './record-file.js';
import { begun, decodeRun, encodeRun, ended, type RunRecord } from './run-record.js';

/** What `fn` of {@link oncePer} receives. */
export interface OncePerRun {
  readonly name: string;
  /** The tick as it is recorded: a date in ISO form, or the string. */
  readonly tick: string;
  /** Aborts if the lease is lost while `fn` runs. Never aborts without a lease driver. */
  readonly signal: AbortSignal;
  /** The fencing token of the lease; `undefined` without a lease driver. */
  readonly fencingToken: bigint | undefined;
}

/** What {@link oncePer} answers: that this call ran the tick, or the record of the run that came before. */
export type OncePerResult<T> =
  | { readonly ran: true; readonly value: T; readonly record: RunRecord }
  | { readonly ran: false; readonly record: RunRecord };

/**
 * Runs `fn` at most once for each `name` and `tick` (a date, or a string such as a job's id), of all processes that call
 * it, as far as the driver keeps its records. A call that comes while another one runs the tick waits for its end; every
 * later call learns which process ran it, when, and how it ended. A run that throws is a run: its error is recorded.
 *
 * Why at most one runs with `afterCrash: 'skip'`: the beginning is recorded before `fn` is called, under the lock or in one
 * step with the check that the lease is still held. Only a holder reads and writes the record. So a second call either
 * waits, or finds the record; and a holder that was stopped until its lease ended is refused the record, and does not
 * call `fn`. A crash before the record leaves nothing; a crash after it leaves a run whose end is unknown.
 *
 * @param name - The name of the job.
 * @param tick - The time that the schedule names, or a string such as the id of a job. It must be the same on all
 *   machines.
 * @param fn - The job. It runs at most once for each tick.
 * @throws InvalidOptionError, also for a driver that keeps no records; what `fn` throws; LeaseLostError if the lease was
 * lost; what `lock` and `lease` throw.
 * @example
 * cron.schedule('0 3 * * *', (at) => oncePer('report', at, { driver, ttl: 15_000, afterCrash: 'skip' }, makeReport));
 */
export async function oncePer<T, G extends LeaseGrant = LeaseGrant>(
  name: string,
  tick: Date | string,
  options: OncePerOptions<G>,
  fn: (run: OncePerRun) => T | PromiseLike<T>,
): Promise<OncePerResult<T>> {
  const { tick: text, keep } = checkOncePer(name, tick, options, fn);
  const { driver, ttl, timeout, signal, label, afterCrash } = options;
  const full = `${name}@${text}`;
  const held = { name, tick: text, keep, label, afterCrash };
  if (driver !== undefined) {
    return lease(
      full,
      { driver, ttl: ttl as number, timeout, signal, label },
      ({ grant, signal: lost, fencingToken }) => {
        if (grant.record === undefined) {
          throw new InvalidOptionError('driver', 'a lease driver that keeps records', driver.name);
        }
        return runUnder(grant.record, { ...held, lost, fencingToken }, fn);
      },
    );
  }
  const lockPath = options.lockPath ?? getOption('lockPath');
  if (lockPath === undefined) throw new LockPathRequiredError();
  const never = new AbortController().signal;
  // The file of a tick is not needed again once the tick is over.
  return lock(full, { external: true, lockPath, timeout, signal, label, removeOnRelease: true }, () =>
    runUnder(recordFile(lockPath, full), { ...held, lost: never, fencingToken: undefined }, fn),
  );
}

interface Held {
  readonly name: string;
  readonly tick: string;
  readonly keep: number;
  readonly label: string | undefined;
  readonly afterCrash: 'skip' | 'again';
  readonly lost: AbortSignal;
  readonly fencingToken: bigint | undefined;
}

async function runUnder<T>(
  record: LeaseRecord,
  { name, tick, keep, label, afterCrash, lost, fencingToken }: Held,
  fn: (run: OncePerRun) => T | PromiseLike<T>,
): Promise<OncePerResult<T>> {
  const found = await record.read(lost);
  const before = found === undefined ? undefined : decodeRun(found);
  if (before !== undefined && (before.outcome !== 'unknown' || afterCrash === 'skip')) {
    return { ran: false, record: before };
  }
  const begin = begun(label);
  if (!(await record.write(encodeRun(begin), keep, lost))) throw new LeaseLostError(name, fencingToken ?? 0n, 'gone');
  let failure: { readonly error: unknown } | undefined;
  let value: T | undefined;
  try {
    value = await fn({ name, tick, signal: lost, fencingToken });
  } catch (error) {
    failure = { error };
  }
  const end = ended(begin, failure);
  try {
    // Refused after a loss, which the release reports: then the record is that of a successor, or stays without an end.
    await record.write(encodeRun(end), keep, lost);
  } catch (error) {
    if (!lost.aborted)
      getLogger().warn(`The end of the run ${tick} of ${name} could not be recorded: ${String(error)}`);
  }
  if (failure !== undefined) throw failure.error;
  return { ran: true, value: value as T, record: end };
}
