// On real engines: job-promises.test.ts of this package and of those of the engines.
import { realTime } from '@oslo-concurrency/core';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { lead } from '../../src/index.js';
import { MemoryLeaseDriver } from '../support/memory-lease-driver.js';

describe('lead', () => {
  const ttl = 20_000;

  test('campaigns again after a loss, once fn has ended, and gives each term its token', async () => {
    const driver = new MemoryLeaseDriver();
    const end = new AbortController();
    const tokens: (bigint | undefined)[] = [];
    let running = 0;
    await lead('job', { driver, ttl, signal: end.signal, backOff: 1 }, async ({ signal, fencingToken }) => {
      expect(++running).toBe(1);
      tokens.push(fencingToken);
      if (tokens.length === 3) end.abort();
      else driver.revoke('job');
      expect(signal.aborted).toBe(true);
      await new Promise((done) => setImmediate(done));
      running--;
    });
    expect(tokens).toEqual([1n, 2n, 3n]);
    expect(driver.held.size).toBe(0);
  });

  test('rejects with the error of fn after it has resigned, or reports it to onError and goes on', async () => {
    const driver = new MemoryLeaseDriver();
    const broken = new Error('the leader is broken');
    await expect(lead('job', { driver, ttl }, () => Promise.reject(broken))).rejects.toBe(broken);
    expect(driver.held.size).toBe(0);
    const end = new AbortController();
    const errors: unknown[] = [];
    const onError = (error: unknown): void => {
      errors.push(error);
      if (errors.length === 2) end.abort();
    };
    await lead('job', { driver, ttl, signal: end.signal, backOff: 1, onError }, () => Promise.reject(broken));
    expect(errors).toEqual([broken, broken]);
  });

  test('pauses for backOff after a term, twice as long after each failure in a row, 30 s at most, and up to a quarter less', async () => {
    const driver = new MemoryLeaseDriver();
    const end = new AbortController();
    const pauses: number[] = [];
    const { setTimeout } = realTime;
    // Without a lease, only a pause and the limits of a request are waited for, and those of a ttl of two minutes are longer.
    const timers = vi.spyOn(realTime, 'setTimeout').mockImplementation(((work: () => void, ms: number) => {
      const isPause = driver.held.size === 0 && ms <= 30_000;
      if (isPause) pauses.push(ms);
      return setTimeout(work, isPause ? 0 : ms);
    }) as typeof setTimeout);
    onTestFinished(() => timers.mockRestore());
    const campaigns = ['fails', 'fails', 'fails', 'fails', 'fails', 'fails', 'wins', 'fails', 'wins', 'wins', 'ends'];
    driver.onTheWay = async (what) => {
      if (what === 'acquire' && campaigns[0] === 'fails') throw new Error('the engine is down');
    };
    const onError = (): void => {
      campaigns.shift();
      driver.held.clear();
    };
    await lead('job', { driver, ttl: 120_000, signal: end.signal, backOff: 1000, onError }, () => {
      if (campaigns.shift() === 'ends') end.abort();
    });
    const longest = [2000, 4000, 8000, 16_000, 30_000, 30_000, 1000, 2000, 1000, 1000];
    expect(pauses).toHaveLength(longest.length);
    const parts = pauses.map((ms, n) => ms / (longest[n] as number));
    for (const part of parts) {
      expect(part).toBeGreaterThan(0.75);
      expect(part).toBeLessThanOrEqual(1);
    }
    expect(new Set(parts).size).toBeGreaterThan(1);
  });

  test('a failed campaign is repeated', async () => {
    const driver = new MemoryLeaseDriver();
    const end = new AbortController();
    let failures = 0;
    driver.onTheWay = async () => {
      if (failures < 2) throw new Error('the engine is down');
    };
    const onError = (): void => {
      failures++;
      driver.held.clear();
    };
    await lead('job', { driver, ttl, signal: end.signal, backOff: 1, onError }, () => end.abort());
    expect(failures).toBe(2);
  });

  test('resolves at once if its signal has aborted, and while it waits', async () => {
    const driver = new MemoryLeaseDriver();
    await lead('job', { driver, ttl, signal: AbortSignal.abort() }, () => expect.unreachable());
    const holder = await driver.tryAcquire({
      name: 'job',
      ttl: 60_000,
      permits: 1,
      label: undefined,
      now: () => performance.now(),
      waiting() {},
    });
    const end = new AbortController();
    const leaders: unknown[] = [];
    const onLeader = (leader: unknown): void => {
      leaders.push(leader);
      end.abort();
    };
    await lead('job', { driver, ttl, signal: end.signal, onLeader }, () => expect.unreachable());
    expect(leaders).toEqual([{ pid: 4242, self: false }]);
    expect(driver.held.get('job')?.token).toBe(holder?.token);
  });

  test.each([
    [{ ttl }, 'ttl'],
    [{ driver: new MemoryLeaseDriver() }, 'ttl'],
    [{ driver: new MemoryLeaseDriver(), ttl, lockPath: '/tmp' }, 'lockPath'],
    [{ backOff: -1 }, 'backOff'],
    [{ onLeader: 'me' }, 'onLeader'],
    [{ onleader() {} }, 'options'],
  ])('refuses misuse before any campaign (%#)', async (options, option) => {
    await expect(lead('job', options as never, () => {})).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION', option });
  });
});
