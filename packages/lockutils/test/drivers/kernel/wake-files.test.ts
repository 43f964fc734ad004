import { defaultKernelSystem } from '@oslo-concurrency/lockutils/drivers';
import { expect, it } from 'vitest';
import { giveHint } from '../../../build/drivers/kernel/wake-files.js';

it('G28 each hint sets another time, so that no system takes two hints for one', () => {
  const times: unknown[] = [];
  const system = {
    ...defaultKernelSystem,
    lutimesSync: (_path: unknown, _atime: unknown, mtime: unknown) => void times.push(mtime),
  };
  for (let hint = 0; hint < 100; hint += 1) giveHint(system, '/locks/x', 1);
  expect(new Set(times).size).toBe(100);
});
