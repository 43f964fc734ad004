import { type LockOptions, lock, lockSync } from '@oslo-concurrency/lockutils';
import { lockfileDriver } from '@oslo-concurrency/lockutils/drivers';
import { describe, expect, it } from 'vitest';
import { acquireAll } from '../../dist/index.js';
import { Contender } from '../support/contender.js';
import { lockDirectory } from '../support/lock-directory.js';

type AcquireAll = (options: LockOptions) => Promise<unknown>;

const endings: [title: string, end: AcquireAll][] = [
  ['times out', (options) => acquireAll(['a', 'b'], { ...options, timeout: 20 })],
  [
    'is aborted',
    (options) => {
      const controller = new AbortController();
      const onWait = () => controller.abort(new Error('aborted'));
      return acquireAll(['a', 'b'], { ...options, signal: controller.signal, onWait });
    },
  ],
  ['does not wait (blocking: false)', (options) => acquireAll(['a', 'b'], { ...options, blocking: false })],
  ['has an onWait that throws', (options) => acquireAll(['a', 'b'], { ...options, onWait: fail })],
];

function fail(): never {
  throw new Error('onWait failed');
}

async function deathIn(options: LockOptions, died: LockOptions = {}): Promise<void> {
  const victim = await Contender.start();
  await victim.acquire('a', { ...options, ...died });
  await victim.end('SIGKILL');
}

async function newsOf(options: LockOptions): Promise<boolean[]> {
  const told: boolean[] = [];
  for (let n = 0; n < 2; n += 1) {
    // A try that was cut short may still be releasing what it was granted too late.
    await lock('a', { ...options, timeout: 10_000 }, ({ previousOwnerDied }) => told.push(previousOwnerDied));
  }
  return told;
}

describe.each(['kernel', 'lockfile'] as const)('acquireAll, driver %s', (driver) => {
  const kinds: [title: string, mode: LockOptions][] = [
    ['exclusive', {}],
    ['with permits', { permits: 1 }],
    ['with removeOnRelease', { removeOnRelease: true }],
  ];
  describe.each(kinds)('%s', (_title, mode) => {
    it.each(endings)('G19 that %s leaves the news of a death to the next holder', async (_name, end) => {
      using directory = lockDirectory();
      const options: LockOptions = { external: true, driver, lockPath: directory.path, ...mode };
      await deathIn(options);
      await using holder = await Contender.start();
      await holder.acquire('b', options);
      await expect(end(options)).rejects.toThrow();
      expect(await newsOf(options)).toEqual([true, false]);
    });
  });

  it('G19 readers that time out leave the news of a dead writer to the next holder', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, driver, lockPath: directory.path };
    await deathIn(options);
    await using holder = await Contender.start();
    await holder.acquire('b', options);
    await expect(acquireAll(['a', 'b'], { ...options, shared: true, timeout: 20 })).rejects.toThrow();
    expect(await newsOf(options)).toEqual([true, false]);
  });

  it('G19 that is granted tells it once', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, driver, lockPath: directory.path };
    await deathIn(options);
    expect(await acquireAll(['a', 'b'], options, ({ previousOwnerDied }) => previousOwnerDied)).toBe(true);
    expect(await newsOf(options)).toEqual([false, false]);
  });
});

it.each([
  ['kernel', 'kernel'],
  ['lockfile', lockfileDriver({ synchronous: true })],
] as const)('G19 lockSync that times out behind a holder takes no news (driver %s)', async (name, driver) => {
  using directory = lockDirectory();
  const options: LockOptions = { external: true, driver: name, lockPath: directory.path };
  await deathIn(options);
  await using holder = await Contender.start();
  await holder.acquire('a', options);
  expect(() => lockSync('a', { lockPath: directory.path, driver, timeout: 20 })).toThrow('Timed out');
  await holder.end('SIGKILL');
  expect(await newsOf(options)).toEqual([true, false]);
});
