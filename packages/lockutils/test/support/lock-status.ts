import { type LockOptions, type LockStatus, listLocks } from '@oslo-concurrency/lockutils';
import { expect } from 'vitest';
import type { Contender } from './contender.js';

/** What listLocks reports of one lock. */
export async function statusOf(lockPath: string, name: string): Promise<LockStatus> {
  const found = (await listLocks({ lockPath })).find((status) => status.name === name);
  if (found === undefined) throw new Error(`${name} is not listed`);
  return found;
}

/** The first holds and the others wait, then the second holds and the third waits; so the list must say. */
export async function expectWaiters(
  options: LockOptions & { readonly lockPath: string },
  first: Contender,
  second: Contender,
  third: Contender,
): Promise<void> {
  await first.acquire('x', options);
  const { granted } = await second.queue('x', options);
  await third.queue('x', options);
  expect(await statusOf(options.lockPath, 'x')).toMatchObject({ holders: [{ pid: first.pid }], waiters: 2 });
  await first.release('x');
  await granted;
  expect(await statusOf(options.lockPath, 'x')).toMatchObject({ holders: [{ pid: second.pid }], waiters: 1 });
}
