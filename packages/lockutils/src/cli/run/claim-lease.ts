import { lease } from '../../lease/lease.js';
import { leaseMargin } from '../../lease/lease-term.js';
import { showWait, standardError } from '../terminal/wait-notice.js';
import type { Claim } from './claim.js';
import { openLeaseDriver } from './lease-url.js';
import type { RunOptions } from './run-options.js';

/** Waits for the lease that the options of `lockutils run` ask for, and keeps renewing it. */
export async function claimLease(
  name: string,
  label: string,
  url: string,
  options: RunOptions,
  signal: AbortSignal,
): Promise<Claim> {
  const { driver, close } = await openLeaseDriver(url);
  let endNotice = (): void => {};
  try {
    const held = await lease(name, {
      driver,
      label,
      ttl: options.ttl,
      blocking: options.wait,
      signal,
      onWait: (info) => {
        if (options.quiet !== true) endNotice = showWait(name, () => info.holders(), standardError);
      },
      ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
    });
    return {
      env: { OSLO_FENCING_TOKEN: String(held.fencingToken) },
      descriptors: [],
      lost: held.signal,
      margin: leaseMargin(options.ttl),
      release: () => held.release().finally(close),
    };
  } catch (error) {
    await close();
    throw error;
  } finally {
    endNotice();
  }
}
