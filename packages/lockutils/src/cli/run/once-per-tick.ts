import { isConcurrencyError } from '@oslo-concurrency/core';
import { oncePer } from '../../jobs/once-per.js';
import { leaseMargin } from '../../lease/lease-term.js';
import type { ChildEnd } from '../child/child-command.js';
import { exitStatus } from '../exit-status.js';
import { complain } from '../terminal/output.js';
import type { Claim, RunOptions } from './claim.js';
import { openLeaseDriver } from './lease-url.js';

/** The command failed, which is recorded as the end of the run of the tick. */
class CommandFailure extends Error {
  readonly end: ChildEnd;

  constructor(end: ChildEnd) {
    super(end.problem ?? (end.signal === undefined ? `exit status ${end.status}` : `ended by ${end.signal}`));
    this.end = end;
  }
}

/**
 * Runs the command with `run` if no process has run it for the tick that the options name. Otherwise reports which process
 * did, and resolves to status 0.
 */
export async function oncePerTick(
  name: string,
  label: string,
  options: RunOptions & { readonly oncePer: string },
  signal: AbortSignal,
  run: (claim: Claim) => Promise<ChildEnd>,
): Promise<{ readonly end: ChildEnd; readonly lost: boolean }> {
  const { oncePer: tick, afterCrash = 'skip', keep, timeout, ttl, lease, lockPath } = options;
  const opened = lease === undefined ? undefined : await openLeaseDriver(lease);
  const where = opened === undefined ? { lockPath } : { driver: opened.driver, ttl };
  try {
    const result = await oncePer(
      name,
      tick,
      { ...where, afterCrash, keep, timeout, signal, label },
      async ({ signal: lost, fencingToken }) => {
        const env = fencingToken === undefined ? {} : { OSLO_FENCING_TOKEN: String(fencingToken) };
        const end = await run({ env, descriptors: [], lost, margin: leaseMargin(ttl), release: async () => {} });
        if (end.status !== 0) throw new CommandFailure(end);
        return end;
      },
    );
    if (result.ran) return { end: result.value, lost: false };
    const { by, began, outcome, error } = result.record;
    const ending = { done: 'it ended well', failed: `it failed: ${error}`, unknown: 'its end is not known' }[outcome];
    if (options.quiet !== true) {
      complain(`pid ${by.pid} on ${by.host} has run ${name} for ${tick} at ${began.toISOString()}; ${ending}`);
    }
    return { end: { status: 0 }, lost: false };
  } catch (error) {
    if (error instanceof CommandFailure) return { end: error.end, lost: false };
    if (!isConcurrencyError(error, 'ERR_LEASE_LOST')) throw error;
    complain(error.message);
    return { end: { status: exitStatus.leaseLost }, lost: true };
  } finally {
    await opened?.close();
  }
}
