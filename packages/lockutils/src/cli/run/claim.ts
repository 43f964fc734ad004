import { getOption } from '@oslo-concurrency/core';
import { inheritableDriver } from '../../drivers/select.js';
import { lease } from '../../lease/lease.js';
import type { LeaseOptions } from '../../lease/lease-options.js';
import { leaseMargin } from '../../lease/lease-term.js';
import { lock } from '../../lock.js';
import type { LockOptions } from '../../options/lock-options.js';
import type { Holder } from '../../owner/holder.js';
import type { PlaceOptions } from '../commands/options.js';
import { UsageError } from '../exit-status.js';
import { complain } from '../terminal/output.js';
import { showWait, standardError } from '../terminal/wait-notice.js';
import { openLeaseDriver } from './lease-url.js';

/** The options of `lockutils run`, as commander parses them. Times are milliseconds. */
export interface RunOptions extends PlaceOptions {
  readonly timeout?: number;
  readonly wait: boolean;
  readonly shared?: boolean;
  readonly fair?: boolean;
  readonly permits?: number;
  readonly prefix?: string;
  readonly label?: string;
  readonly conflictExitCode: number;
  readonly ifKilled?: 'kill' | 'hold' | 'leave';
  readonly quiet?: boolean;
  /** The tick that the command is run for at most once. */
  readonly oncePer?: string;
  readonly afterCrash?: 'skip' | 'again';
  readonly keep?: number;
  readonly lease?: string;
  readonly ttl: number;
}

/** The lock or lease that is held while a command runs. */
export interface Claim {
  /** Added to the environment of the command. */
  readonly env: { readonly [name: string]: string };
  /** The descriptors of the lock that the command inherits; usually none (G17). */
  readonly descriptors: readonly number[];
  /** Aborts if the claim ends before its release. A lock never ends like that. */
  readonly lost?: AbortSignal;
  /** Milliseconds from `lost` until another holder can be granted the claim. */
  readonly margin?: number;
  /** Releases it. Rejects with `ERR_LEASE_LOST` if it had ended before. */
  release(): Promise<void>;
}

/** Waits for the lock or the lease that the options of `lockutils run` ask for, and shows for what it waits. */
export async function claim(name: string, label: string, options: RunOptions, signal: AbortSignal): Promise<Claim> {
  let endNotice = (): void => {};
  const waiting = {
    label,
    signal,
    blocking: options.wait,
    onWait: (info: { holders(): Promise<readonly Holder[]> }): void => {
      if (options.quiet !== true) endNotice = showWait(name, () => info.holders(), standardError);
    },
    timeout: options.timeout,
  };
  try {
    if (options.lease === undefined) return await claimLock(name, waiting, options);
    return await claimLease(name, waiting, options.lease, options);
  } finally {
    endNotice();
  }
}

/** The options that locks and leases have in common. */
type Waiting = Pick<LockOptions & LeaseOptions, 'label' | 'signal' | 'blocking' | 'timeout' | 'onWait'>;

async function claimLock(name: string, waiting: Waiting, options: RunOptions): Promise<Claim> {
  if (getOption('disableProcessLocking')) {
    complain('process locking is disabled by configuration, so the command runs without a lock');
  }
  const inherited = options.ifKilled === 'hold' ? inheritable() : undefined;
  const held = await lock(name, {
    ...waiting,
    external: true,
    shared: options.shared,
    fair: options.fair,
    permits: options.permits,
    lockFilePrefix: options.prefix,
    lockPath: options.lockPath,
    driver: inherited?.driver,
  });
  return {
    env: held.previousOwnerDied ? { OSLO_PREVIOUS_OWNER_DIED: '1' } : {},
    descriptors: held.lockFile === undefined ? [] : (inherited?.handOver(held.lockFile) ?? []),
    release: () => held.release(),
  };
}

function inheritable() {
  const configured = getOption('lockDriver');
  if (configured !== 'kernel') {
    throw new UsageError(`--if-killed hold works with the driver kernel only; configured is ${configured}`);
  }
  return inheritableDriver();
}

async function claimLease(name: string, waiting: Waiting, url: string, { ttl, permits }: RunOptions): Promise<Claim> {
  const { driver, close } = await openLeaseDriver(url);
  try {
    const held = await lease(name, { ...waiting, driver, ttl, permits });
    return {
      env: { OSLO_FENCING_TOKEN: String(held.fencingToken) },
      descriptors: [],
      lost: held.signal,
      margin: leaseMargin(ttl),
      release: () => held.release().finally(close),
    };
  } catch (error) {
    await close();
    throw error;
  }
}
