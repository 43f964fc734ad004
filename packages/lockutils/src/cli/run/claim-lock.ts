import { getOption } from '@oslo-concurrency/core';
import { inheritableDriver } from '../../drivers/select.js';
import { lock } from '../../lock.js';
import { complain, UsageError } from '../failure.js';
import { showWait, standardError } from '../terminal/wait-notice.js';
import type { Claim } from './claim.js';
import type { RunOptions } from './run-options.js';

/** Waits for the lock that the options of `lockutils run` ask for. */
export async function claimLock(name: string, label: string, options: RunOptions, signal: AbortSignal): Promise<Claim> {
  if (getOption('disableProcessLocking')) {
    complain('process locking is disabled by configuration, so the command runs without a lock');
  }
  const inherited = options.ifKilled === 'hold' ? inheritable() : undefined;
  let endNotice = (): void => {};
  try {
    const held = await lock(name, {
      external: true,
      label,
      blocking: options.wait,
      signal,
      onWait: (info) => {
        if (options.quiet !== true) endNotice = showWait(name, () => info.holders(), standardError);
      },
      ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
      ...(options.shared === undefined ? {} : { shared: options.shared }),
      ...(options.fair === undefined ? {} : { fair: options.fair }),
      ...(options.permits === undefined ? {} : { permits: options.permits }),
      ...(options.prefix === undefined ? {} : { lockFilePrefix: options.prefix }),
      ...(options.lockPath === undefined ? {} : { lockPath: options.lockPath }),
      ...(inherited === undefined ? {} : { driver: inherited.driver }),
    });
    return {
      env: held.previousOwnerDied ? { OSLO_PREVIOUS_OWNER_DIED: '1' } : {},
      descriptors: held.lockFile === undefined ? [] : (inherited?.handOver(held.lockFile) ?? []),
      release: () => held.release(),
    };
  } finally {
    endNotice();
  }
}

function inheritable() {
  const configured = getOption('lockDriver');
  if (configured !== 'kernel') {
    throw new UsageError(`--if-killed hold works with the driver kernel only; configured is ${configured}`);
  }
  return inheritableDriver();
}
