import { join } from 'node:path';
import { lockfileDriver } from '@oslo-concurrency/lockutils/drivers';
import { expect, it } from 'vitest';
import type { Grant, LockRequest } from '../../../src/drivers/driver.js';
import { lockDirectory } from '../../support/lock-directory.js';

const driver = lockfileDriver();

async function granted(request: LockRequest): Promise<Grant> {
  const grant = await driver.tryAcquire(request);
  if (grant === undefined) throw new Error('not granted');
  return grant;
}

it('G4 what is left of an upgrade when its lock was released touches no successor: neither a writer nor who upgrades', async () => {
  using directory = lockDirectory();
  const alone = { name: 'x', path: join(directory.path, 'x'), shared: false, permits: undefined, label: undefined };
  const together = { ...alone, shared: true };
  const reader = await granted(together);
  const other = await granted(together);
  const upgrade = await reader.upgrade?.();
  if (upgrade === undefined) throw new Error('nobody else upgrades');
  expect(await upgrade.attempt()).toBe(false);
  // As when release() is called while upgrade() waits: the rest of the upgrade comes after it.
  await reader.release();

  const next = await other.upgrade?.();
  await upgrade.end();
  expect(await next?.attempt()).toBe(true);
  await next?.end();
  await other.release();

  const writer = await granted(alone);
  await upgrade.end();
  await reader.downgrade?.();
  expect(await upgrade.attempt()).toBe(false);
  expect(await driver.tryAcquire(together)).toBeUndefined();
  await writer.release();
  await (await granted(alone)).release();
});

it('G11 while a reader waits to become a writer no newcomer is admitted, and its turn comes', async () => {
  using directory = lockDirectory();
  const alone = { name: 'x', path: join(directory.path, 'x'), shared: false, permits: undefined, label: undefined };
  const together = { ...alone, shared: true };
  const [reader, other] = [await granted(together), await granted(together)];
  const upgrade = await reader.upgrade?.();
  expect(await upgrade?.attempt()).toBe(false);
  for (const newcomer of [together, { ...alone, permits: 2 }])
    expect(await driver.tryAcquire(newcomer)).toBeUndefined();
  await other.release();
  expect(await upgrade?.attempt()).toBe(true);
  await upgrade?.end();
  await reader.release();
  await (await granted(together)).release();
});
