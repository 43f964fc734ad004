import { describe, expectTypeOf, test } from 'vitest';
import type { HeldLease, HeldLock, LeaseDriver, LockDriver, LockHandle } from '../../src/index.js';
import { lease, lock } from '../../src/index.js';

describe('G3 strict lock and lease are different types', () => {
  test('neither handle fits where the other is wanted', () => {
    expectTypeOf<HeldLease>().not.toExtend<HeldLock>();
    expectTypeOf<HeldLock>().not.toExtend<HeldLease>();
    const wantsLock = (_: HeldLock): void => {};
    const wantsLease = (_: HeldLease): void => {};
    // @ts-expect-error a lease can be lost, a lock cannot
    const wrong = (held: HeldLease): void => wantsLock(held);
    // @ts-expect-error a lock has no signal and no token
    const alsoWrong = (held: HeldLock): void => wantsLease(held);
    void [wrong, alsoWrong];
  });

  test('nor does an object with all their members: both are nominal', () => {
    type Members<T> = { [member in keyof T & string]: T[member] };
    expectTypeOf<Members<HeldLease>>().not.toExtend<HeldLease>();
    expectTypeOf<LockHandle>().not.toExtend<HeldLock>();
  });

  test('neither driver fits where the other is wanted', () => {
    expectTypeOf<LeaseDriver>().not.toExtend<LockDriver>();
    expectTypeOf<LockDriver>().not.toExtend<LeaseDriver>();
    // @ts-expect-error lock() takes no lease driver
    void ((driver: LeaseDriver) => lock('job', { external: true, driver }));
    // @ts-expect-error lease() takes no strict driver
    void ((driver: LockDriver) => lease('job', { driver, ttl: 1000 }));
  });

  test('fn gets the handle, and its value is the value of the call', () => {
    void ((driver: LeaseDriver) => {
      expectTypeOf(lease('job', { driver, ttl: 1000 }, ({ fencingToken }) => fencingToken)).toEqualTypeOf<
        Promise<bigint>
      >();
      expectTypeOf(lease('job', { driver, ttl: 1000 }, async () => 'x')).toEqualTypeOf<Promise<string>>();
      expectTypeOf(lease('job', { driver, ttl: 1000 })).toEqualTypeOf<Promise<HeldLease>>();
    });
  });
});
