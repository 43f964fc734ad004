import { readdirSync, readFileSync, renameSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lock } from '@oslo-concurrency/lockutils';
import { kernelDriver } from '@oslo-concurrency/lockutils/drivers';
import { expect, it } from 'vitest';
import { Contender } from '../support/contender.js';
import { lockDirectory } from '../support/lock-directory.js';

const requestFor = (path: string) => ({ name: 'x', path, shared: false, permits: undefined, label: undefined });

const changes: [how: string, change: (path: string) => void][] = [
  ['removed', (path: string) => unlinkSync(path)],
  ['moved away', (path: string) => renameSync(path, `${path}-old`)],
  [
    'replaced',
    (path: string) => {
      writeFileSync(`${path}-new`, '');
      renameSync(`${path}-new`, path);
    },
  ],
];

it.each(changes)('G15 a lock file that was %s between two locks is not taken for the lock', async (_how, change) => {
  using directory = lockDirectory();
  const path = join(directory.path, 'x');
  const [one, two] = [kernelDriver(), kernelDriver()];
  await (await one.tryAcquire(requestFor(path)))?.release();
  change(path);
  const grant = await two.tryAcquire(requestFor(path));
  expect(grant).toBeDefined();
  expect(await one.tryAcquire(requestFor(path))).toBeUndefined();
  await grant?.release();
  const last = await one.tryAcquire(requestFor(path));
  expect(last).toBeDefined();
  await last?.release();
});

it.each(changes)(
  'G15 a lock file that was %s right after a release is not taken for the lock',
  async (_how, change) => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    const [one, two] = [kernelDriver(), kernelDriver()];
    await (await one.tryAcquire(requestFor(path)))?.release();
    // Again and again, since a machine may take its time for the first ones.
    for (let round = 0; round < 30; round += 1) {
      change(path);
      const grant = await one.tryAcquire(requestFor(path));
      expect(await two.tryAcquire(requestFor(path))).toBeUndefined();
      await grant?.release();
    }
  },
);

it.each([
  ['nobody', () => {}],
  [
    'a waiter, which left its wish behind',
    async (path: string) => {
      const place = await kernelDriver().joinQueue?.(requestFor(path));
      expect(place?.isFirst()).toBe(true);
      place?.ask?.();
      return () => place?.leave();
    },
  ],
])(
  'G18 a lock file that another program emptied while it was held and wanted by %s has records again',
  async (_who, want) => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    const driver = kernelDriver();
    const held = await driver.tryAcquire(requestFor(path));
    truncateSync(path);
    const leave = await want(path);
    await held?.release();
    await leave?.();
    const next = await kernelDriver().tryAcquire(requestFor(path));
    expect(next?.previousOwnerDied).toBe(false);
    expect(readFileSync(path, 'utf8')).toMatch(/^oslo-concurrency owner/);
    await next?.release();
  },
);

it('G15 a waiter of another process is granted the new file after the old one was removed at release', async () => {
  using directory = lockDirectory();
  const options = { external: true, lockPath: directory.path };
  await using waiter = await Contender.start();
  await using rival = await Contender.start();
  for (let round = 0; round < 20; round += 1) {
    const held = await lock('x', { ...options, removeOnRelease: true });
    const { granted } = await waiter.queue('x', { ...options, removeOnRelease: true });
    await held.release();
    await granted;
    const refused = rival.acquire('x', { ...options, blocking: false });
    await expect(refused).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_ACQUIRED' });
    await waiter.release('x');
  }
  expect(readdirSync(directory.path)).toEqual(['.oslo-concurrency']);
  expect(readdirSync(join(directory.path, '.oslo-concurrency', 'queue'))).toEqual([]);
});
