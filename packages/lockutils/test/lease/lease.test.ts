import { type LockEvent, lockChannels } from '@oslo-concurrency/core';
import { describe, expect, test } from 'vitest';
import { type LeaseDriver, LeaseLostError, lease, lock } from '../../src/index.js';
import { acquireLease } from '../../src/lease/acquire-lease.js';
import { leaseSettings } from '../../src/lease/lease-options.js';
import { ManualMachine, settled } from '../support/manual-clock.js';
import { MemoryLeaseDriver } from '../support/memory-lease-driver.js';

const ttl = 5000;

describe('lease()', () => {
  test('holds around fn, gives it the handle, and answers its value', async () => {
    const driver = new MemoryLeaseDriver();
    const value = await lease('job', { driver, ttl }, (held) => {
      expect(driver.held.get('job')?.token).toBe(held.fencingToken);
      expect(held.name).toBe('job');
      return 7;
    });
    expect(value).toBe(7);
    expect(driver.held.size).toBe(0);
  });

  test('a handle is released by await using', async () => {
    const driver = new MemoryLeaseDriver();
    {
      await using held = await lease('job', { driver, ttl });
      held.assertHeld();
    }
    expect(driver.held.size).toBe(0);
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('mine');
      },
    ],
    ['rejects', () => Promise.reject(new Error('mine'))],
  ])('G14 a body that %s releases, and its error comes through', async (_, body) => {
    const driver = new MemoryLeaseDriver();
    await expect(lease('job', { driver, ttl }, body)).rejects.toThrow('mine');
    expect(driver.held.size).toBe(0);
  });

  test('G14 a release that fails does not hide the error of the body', async () => {
    const driver = new MemoryLeaseDriver();
    const body = (): never => {
      driver.onTheWay = () => Promise.reject(new Error('the line is cut'));
      throw new Error('mine');
    };
    await expect(lease('job', { driver, ttl }, body)).rejects.toThrow('mine');
  });

  test('lost meanwhile: rejects with LeaseLostError, whose cause is the error of the body', async () => {
    const driver = new MemoryLeaseDriver();
    const mine = new Error('mine');
    const lost = lease('job', { driver, ttl }, () => {
      driver.revoke('job');
      throw mine;
    });
    await expect(lost).rejects.toMatchObject({ code: 'ERR_LEASE_LOST', reason: 'gone', cause: mine });
  });

  test('lost meanwhile: rejects though the body succeeded, and with the same error when it threw the reason', async () => {
    const driver = new MemoryLeaseDriver();
    await expect(lease('job', { driver, ttl }, () => driver.revoke('job'))).rejects.toBeInstanceOf(LeaseLostError);
    let reason: unknown;
    const obeyed = lease('job', { driver, ttl }, ({ signal }) => {
      driver.revoke('job');
      reason = signal.reason;
      signal.throwIfAborted();
    });
    await expect(obeyed).rejects.toSatisfy((error) => error === reason);
  });

  test('waits by polling when the driver has no line of its own, and tells once whom it waits for', async () => {
    const driver = new MemoryLeaseDriver();
    const first = await lease('job', { driver, ttl });
    let waits = 0;
    let release: Promise<void> | undefined;
    const second = await lease('job', {
      driver,
      ttl,
      onWait: (info) => {
        waits++;
        expect(info.name).toBe('job');
        release = info.holders().then((holders) => {
          expect(holders).toEqual([{ pid: 4242 }]);
          return first.release();
        });
      },
    });
    await release;
    expect(waits).toBe(1);
    expect(second.fencingToken).toBeGreaterThan(first.fencingToken);
    expect(second.waitedMs).toBeGreaterThan(0);
    await second.release();
  });

  test('timeout names the holder; blocking: false and timeout: 0 make one attempt', async () => {
    const driver = new MemoryLeaseDriver();
    const first = await lease('job', { driver, ttl });
    await expect(lease('job', { driver, ttl, timeout: 30 })).rejects.toMatchObject({
      code: 'ERR_LEASE_TIMEOUT',
      message: expect.stringContaining('held by pid 4242'),
    });
    await expect(lease('job', { driver, ttl, timeout: 0 })).rejects.toMatchObject({ code: 'ERR_LEASE_TIMEOUT' });
    await expect(lease('job', { driver, ttl, blocking: false })).rejects.toMatchObject({
      code: 'ERR_LEASE_NOT_ACQUIRED',
    });
    await first.release();
    await lease('job', { driver, ttl, timeout: 0 }, () => {});
  });

  test('an abort rejects with its reason, before anything is done when it came first', async () => {
    const driver = new MemoryLeaseDriver();
    const reason = new Error('changed my mind');
    await expect(lease('job', { driver, ttl, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(driver.held.size).toBe(0);
    const first = await lease('job', { driver, ttl });
    const controller = new AbortController();
    const onWait = (): void => controller.abort(reason);
    await expect(lease('job', { driver, ttl, signal: controller.signal, onWait })).rejects.toBe(reason);
    await first.release();
  });

  test('any number of waits with one signal end by it, and Node does not warn of a leak', async () => {
    const driver = new MemoryLeaseDriver();
    const first = await lease('job', { driver, ttl });
    const warnings: Error[] = [];
    const note = (warning: Error): number => warnings.push(warning);
    process.on('warning', note);
    const controller = new AbortController();
    const reason = new Error('shutting down');
    const waits = Array.from({ length: 30 }, () => lease('job', { driver, ttl, signal: controller.signal }));
    const ends = Promise.allSettled(waits);
    controller.abort(reason);
    expect((await ends).every((end) => end.status === 'rejected' && end.reason === reason)).toBe(true);
    await new Promise(setImmediate);
    process.off('warning', note);
    expect(warnings).toEqual([]);
    await first.release();
  });

  test('a grant that comes after the abort is given back', async () => {
    const driver = new MemoryLeaseDriver();
    const controller = new AbortController();
    let answer = (): void => {};
    driver.onTheWay = (what) => (what === 'acquire' ? new Promise((done) => (answer = done)) : Promise.resolve());
    const call = lease('job', { driver, ttl, signal: controller.signal });
    const refused = expect(call).rejects.toMatchObject({ name: 'AbortError' });
    controller.abort();
    await refused;
    expect(driver.held.size).toBe(1);
    answer();
    await expect.poll(() => driver.held.size).toBe(0);
  });

  test.each([
    ['an attempt', { blocking: false }, undefined],
    ['a wait', {}, undefined],
    ['a wait whose driver does not tell the holders', {}, async () => undefined],
  ])(
    'G30 %s whose driver never answers ends within ttl + 2 s, and a late grant is given back',
    async (_, options, first) => {
      const machine = new ManualMachine();
      const driver = new MemoryLeaseDriver();
      let answer = (): void => {};
      driver.onTheWay = (what) => (what === 'acquire' ? new Promise((done) => (answer = done)) : Promise.resolve());
      const mute: LeaseDriver = {
        kind: 'lease',
        name: 'mute',
        tryAcquire: (request) => (first ? first() : driver.tryAcquire(request)),
        ...(first && { holders: () => new Promise<never>(() => {}) }),
      };
      const waiting = acquireLease('job', leaseSettings('job', { driver: mute, ttl, ...options }), machine.clock);
      const refused = expect(waiting).rejects.toMatchObject({ code: 'ERR_LEASE_UNANSWERED', operation: 'acquire' });
      await machine.pass(ttl + 2000);
      await refused;
      expect(machine.timers).toBe(0);
      answer();
      await settled();
      expect(driver.releases).toBe(first ? 0 : 1);
    },
  );

  test('a grant whose time is over when it comes is given back, and the error says to raise ttl', async () => {
    const driver = new MemoryLeaseDriver();
    const late: LeaseDriver = {
      kind: 'lease',
      name: 'late',
      async tryAcquire(request) {
        const grant = await driver.tryAcquire(request);
        return grant && { ...grant, validUntil: request.now() + 50 };
      },
    };
    await expect(lease('job', { driver: late, ttl })).rejects.toMatchObject({ code: 'ERR_LEASE_TTL_TOO_SHORT', ttl });
    expect(driver.releases).toBe(1);
  });

  test('tells of a wait once, however often it tries, and leaves no timer and no subscription behind', async () => {
    const machine = new ManualMachine();
    const driver = new MemoryLeaseDriver();
    const first = await acquireLease('job', leaseSettings('job', { driver, ttl }), machine.clock);
    let tries = 0;
    let listeners = 0;
    const hinting: LeaseDriver = {
      kind: 'lease',
      name: 'hinting',
      pollEvery: 20,
      tryAcquire: (request) => {
        tries += 1;
        return driver.tryAcquire(request);
      },
      onRelease: () => {
        listeners += 1;
        return () => {
          listeners -= 1;
        };
      },
    };
    let waits = 0;
    const onWait = (): number => (waits += 1);
    const settings = leaseSettings('job', { driver: hinting, ttl, timeout: 100_000, onWait });
    const waiting = acquireLease('job', settings, machine.clock);
    await settled();
    await machine.pass(200);
    expect(tries).toBeGreaterThan(5);
    expect([waits, listeners]).toEqual([1, 1]);
    await first.release();
    await machine.pass(20);
    const held = await waiting;
    expect([waits, listeners]).toEqual([1, 0]);
    await held.release();
    expect(machine.timers).toBe(0);
  });

  test('an abort ends the request that the driver has under way; a wait that has ended tells of no wait', async () => {
    const machine = new ManualMachine();
    const signals: AbortSignal[] = [];
    let answer = (_holders: readonly { pid: number }[]): void => {};
    let known = false;
    const slow: LeaseDriver = {
      kind: 'lease',
      name: 'slow',
      tryAcquire: (_request, signal) => {
        signals.push(signal);
        return known ? Promise.resolve(undefined) : new Promise<never>(() => {});
      },
      holders: () => new Promise((done) => (answer = done)),
    };
    let waits = 0;
    const controller = new AbortController();
    const reason = new Error('changed my mind');
    const ask = (more: object) =>
      acquireLease(
        'job',
        leaseSettings('job', { driver: slow, ttl, onWait: () => (waits += 1), ...more }),
        machine.clock,
      );
    const unanswered = expect(ask({})).rejects.toMatchObject({ code: 'ERR_LEASE_UNANSWERED' });
    await machine.pass(ttl + 2000);
    await unanswered;
    expect(signals[0]?.reason).toMatchObject({ code: 'ERR_LEASE_UNANSWERED' });
    const aborted = expect(ask({ signal: controller.signal })).rejects.toBe(reason);
    controller.abort(reason);
    await aborted;
    expect(signals[1]?.reason).toBe(reason);
    known = true;
    const timedOut = expect(ask({ timeout: 10 })).rejects.toMatchObject({ code: 'ERR_LEASE_TIMEOUT' });
    await settled();
    await machine.pass(10);
    await timedOut;
    answer([{ pid: 4242 }]);
    await settled();
    expect(waits).toBe(0);
    await machine.pass(ttl + 2000);
    expect(machine.timers).toBe(0);
  });

  test('what onWait throws ends the wait', async () => {
    const driver = new MemoryLeaseDriver();
    const first = await lease('job', { driver, ttl });
    const onWait = (): void => {
      throw new Error('mine');
    };
    await expect(lease('job', { driver, ttl, onWait })).rejects.toThrow('mine');
    await first.release();
  });

  test('tells the lock channels', async () => {
    const driver = new MemoryLeaseDriver();
    const heard: string[] = [];
    const ids = new Set<number>();
    const listeners = Object.entries(lockChannels).map(([what, channel]) => {
      const listener = (event: unknown): unknown => {
        if (what === 'acquire') ids.add((event as LockEvent).id);
        return heard.push(what);
      };
      channel.subscribe(listener);
      return () => channel.unsubscribe(listener);
    });
    await lease('job', { driver, ttl }, () => {});
    await lease('job', { driver, ttl }, () => driver.revoke('job')).catch(() => {});
    const held = await lease('other', { driver, ttl });
    await lease('other', { driver, ttl, blocking: false }).catch(() => {});
    await lock('other', () => {});
    await held.release();
    for (const unsubscribe of listeners) unsubscribe();
    const ofLock = ['acquire', 'grant', 'release'];
    expect(heard.slice(0, 6)).toEqual(['acquire', 'grant', 'release', 'acquire', 'grant', 'lost']);
    expect(heard.slice(6)).toEqual(['acquire', 'grant', 'acquire', 'fail', ...ofLock, 'release']);
    expect(ids.size, 'each call has a number of its own, be it of a lock or of a lease').toBe(5);
  });

  const good = { driver: new MemoryLeaseDriver(), ttl };
  test.each([
    ['name', '', good],
    ['name', 'a\0b', good],
    ['options', 'job', undefined],
    ['options', 'job', { ...good, tll: 5 }],
    ['driver', 'job', { ttl }],
    ['driver', 'job', { ...good, driver: 'kernel' }],
    ['driver', 'job', { ...good, driver: { tryAcquire() {}, holders() {} } }],
    ['ttl', 'job', { driver: good.driver }],
    ['ttl', 'job', { ...good, ttl: 199 }],
    ['ttl', 'job', { ...good, ttl: Number.NaN }],
    ['renewEvery', 'job', { ...good, renewEvery: 4500 }],
    ['renewEvery', 'job', { ...good, renewEvery: 0 }],
    ['timeout', 'job', { ...good, timeout: -1 }],
    ['timeout', 'job', { ...good, timeout: 10, blocking: false }],
    ['blocking', 'job', { ...good, blocking: 1 }],
    ['signal', 'job', { ...good, signal: {} }],
    ['onWait', 'job', { ...good, onWait: 'me' }],
    ['label', 'job', { ...good, label: 1 }],
  ])('misuse of %s is refused before anything is done (%#)', async (option, name, options) => {
    await expect(lease(name, options as never)).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION', option });
    expect(good.driver.held.size).toBe(0);
  });
});
