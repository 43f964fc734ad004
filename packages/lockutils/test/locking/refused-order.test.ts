import { readdirSync } from 'node:fs';
import { lock, lockSync } from '@oslo-concurrency/lockutils';
import { kernelDriver } from '@oslo-concurrency/lockutils/drivers';
import { expect, test } from 'vitest';
import { lockDirectory } from '../support/lock-directory.js';

test('G10 fair is refused before anything is created, where the driver keeps no order', async () => {
  using directory = lockDirectory();
  const { joinQueue: _, tryUnqueued: __, ...unordered } = kernelDriver();
  const options = { external: true, lockPath: directory.path, driver: unordered };
  const refused = expect.objectContaining({ code: 'ERR_LOCK_UNSUPPORTED', message: expect.stringContaining('fair') });
  await expect(lock('x', { ...options, fair: true })).rejects.toEqual(refused);
  expect(() => lockSync('x', { ...options, fair: true })).toThrow(refused);
  expect(readdirSync(directory.path)).toEqual([]);
  await lock('x', options, () => {});
});
