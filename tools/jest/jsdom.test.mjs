// What a browser has in place of Node's timers, and what Jest fakes besides, must stop nothing.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import * as core from '@oslo-concurrency/core';
import * as lockutils from '@oslo-concurrency/lockutils';
import { lockfileLeaseDriver } from '@oslo-concurrency/lockutils/drivers';

const fn = () => 'done';
const base = mkdtempSync(join(tmpdir(), 'jsdom-'));
const inBase = (name) => {
  const path = join(base, name);
  mkdirSync(path, { recursive: true });
  return path;
};
afterAll(() => rmSync(base, { recursive: true }));

test('this is a browser to the packages', () => {
  expect(typeof document).toBe('object');
  expect(typeof setImmediate).toBe('undefined');
  const timer = setInterval(fn, 1);
  clearInterval(timer);
  expect(typeof timer).toBe('number');
});

describe.each([['the timers of jsdom'], ['fake timers']])('with %s', (timers) => {
  beforeAll(() => {
    if (timers === 'fake timers') jest.useFakeTimers();
  });
  afterAll(() => jest.useRealTimers());

  test('core loads a configuration file', () => {
    const path = join(base, 'service.conf');
    writeFileSync(path, '[oslo_concurrency]\nlock_path = /é');
    const forget = core.loadConfigFile(path);
    expect(core.getLockPath()).toBe('/é');
    forget();
  });

  const modes = [{}, { fair: true }, { shared: true }, { permits: 1 }];
  const variants = ['kernel', 'lockfile'].flatMap((driver) =>
    modes.map((mode) => [driver, JSON.stringify(mode), mode]),
  );
  test.each(variants)(
    'lockutils locks by the driver %s %s: at once, in line, not in time, aborted',
    async (driver, _, mode) => {
      const options = { lockPath: inBase(driver), driver, external: true, ...mode };
      expect(await lockutils.lock('x', options, fn)).toBe('done');
      expect(lockutils.lockSync('x', options, fn)).toBe('done');
      expect(await lockutils.acquireAll(['x', 'y'], options, fn)).toBe('done');
      const held = await lockutils.lock('x', { ...options, shared: false });
      const waiter = lockutils.lock('x', options, fn);
      await expect(lockutils.lock('x', { ...options, timeout: 20 })).rejects.toMatchObject({
        code: 'ERR_LOCK_TIMEOUT',
      });
      const controller = new AbortController();
      const aborted = lockutils.lock('x', { ...options, signal: controller.signal });
      controller.abort();
      await expect(aborted).rejects.toMatchObject({ name: 'AbortError' });
      await held.release();
      expect(await waiter).toBe('done');
    },
  );

  test.each(['kernel', 'lockfile'])('lockutils lists and cleans locks of the driver %s', async (driver) => {
    const lockPath = inBase(driver);
    await lockutils.listLocks({ lockPath });
    await lockutils.cleanLocks({ lockPath });
  });

  test('lockutils holds a lease', async () => {
    const driver = lockfileLeaseDriver({ lockPath: inBase('lease') });
    expect(await lockutils.lease('x', { driver, ttl: 20_000 }, fn)).toBe('done');
  });
});
