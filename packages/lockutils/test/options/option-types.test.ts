import { type LeaseOptions, type LockOptions, lock } from '@oslo-concurrency/lockutils';
import { expect, expectTypeOf, test } from 'vitest';

// The tests are compiled with exactOptionalPropertyTypes, where `timeout?: number` alone refuses `undefined`.
type Undefinable<T> = { readonly [K in keyof T]: undefined };

test('every option of a lock may be undefined, and then is as if it were not given', async () => {
  expectTypeOf<Undefinable<Required<LockOptions>>>().toExtend<LockOptions>();
  const options: LockOptions = { external: undefined, timeout: undefined, signal: undefined, fair: undefined };
  expect(await lock('undefined options', options, (held) => held.external)).toBe(false);
});

test('every option of a lease that need not be given may be undefined', () => {
  type Optional = Omit<LeaseOptions, 'driver' | 'ttl'>;
  expectTypeOf<Undefinable<Required<Optional>>>().toExtend<Optional>();
});
