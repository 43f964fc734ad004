import { describe, expect, test } from 'vitest';
import type { LeaseDriver, LeaseRequest, ReleaseHints } from '../../../src/index.js';
import { acquireLease } from '../../../src/lease/acquire-lease.js';
import { leaseSettings } from '../../../src/lease/lease-options.js';
import { ManualMachine, settled } from '../../support/manual-clock.js';
import { MemoryLeaseDriver } from '../../support/memory-lease-driver.js';

const ttl = 10_000;

/** A driver with hints that the test gives, and that counts what it is asked. */
function hinting(begins: boolean, inner = new MemoryLeaseDriver()) {
  const seen = { tries: 0, listeners: [] as ReleaseHints[], stopped: 0 };
  const driver: LeaseDriver = {
    kind: 'lease',
    name: 'hinting',
    pollEvery: 5000,
    tryAcquire: (request: LeaseRequest) => {
      seen.tries++;
      return inner.tryAcquire(request);
    },
    onRelease(_, hints) {
      seen.listeners.push(hints);
      if (begins) hints.wake();
      return () => {
        seen.stopped++;
      };
    },
  };
  return { driver, inner, seen };
}

/** `begins`: whether the driver wakes when its hints begin, as one does whose engine forgets what it announced before. */
async function contended(begins = false) {
  const parts = hinting(begins);
  const machine = new ManualMachine();
  const acquire = (more: object = {}) =>
    acquireLease('job', leaseSettings('job', { driver: parts.driver, ttl, ...more }), machine.clock);
  const first = await acquire();
  parts.seen.tries = 0;
  return { ...parts, machine, acquire, first };
}

describe('the hints of a lease driver', () => {
  test('a wake ends the wait at once, also one that came during a try', async () => {
    const { driver, seen, acquire, first, machine } = await contended();
    const waiting = acquire();
    await settled();
    expect([seen.tries, seen.listeners.length]).toEqual([1, 1]);
    await first.release();
    let answer = (): void => {};
    const slow = driver.tryAcquire;
    (driver as { tryAcquire: LeaseDriver['tryAcquire'] }).tryAcquire = async (request, signal) => {
      const grant = seen.tries === 1 ? undefined : await slow(request, signal);
      seen.tries++;
      if (grant === undefined) await new Promise<void>((resolve) => (answer = resolve));
      return grant;
    };
    seen.listeners[0]?.wake();
    await settled();
    seen.listeners[0]?.wake();
    answer();
    await (await waiting).release();
    expect(seen.stopped).toBe(1);
    expect(machine.timers).toBe(0);
  });

  test('expires is when the next try is made, unless the poll is due before', async () => {
    const { seen, acquire, machine } = await contended();
    const waiting = acquire();
    waiting.catch(() => {});
    await settled();
    seen.listeners[0]?.expires(machine.clock.now() + 1000);
    await machine.pass(999);
    expect(seen.tries).toBe(1);
    await machine.pass(20);
    expect(seen.tries).toBe(2);
  });

  test('fail makes the waiter poll every 250 ms, and subscribe again after its next try', async () => {
    const { seen, acquire, machine } = await contended();
    const waiting = acquire();
    waiting.catch(() => {});
    await settled();
    seen.listeners[0]?.fail(new Error('the line is cut'));
    await machine.pass(251);
    expect(seen.tries).toBe(2);
    expect(seen.listeners).toHaveLength(2);
    // What the failed one still says counts no more.
    seen.listeners[0]?.wake();
    await settled();
    expect(seen.tries).toBe(2);
    seen.listeners[1]?.wake();
    await settled();
    expect(seen.tries).toBe(3);
  });

  test('a release wakes no herd: of ten waiters one listens and tries, and all are granted in order of arrival', async () => {
    const { seen, acquire, first } = await contended(true);
    const order: number[] = [];
    const waiters = Array.from({ length: 10 }, async (_, n) => {
      const held = await acquire();
      order.push(n);
      await held.release();
      seen.listeners.at(-1)?.wake();
    });
    await settled();
    expect([seen.tries, seen.listeners.length]).toEqual([2, 1]);
    await first.release();
    seen.listeners[0]?.wake();
    await Promise.all(waiters);
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(seen.stopped).toBe(seen.listeners.length);
  });

  test('a waiter behind the first one reports that it waits, heeds its timeout, and leaves the others their order', async () => {
    const { acquire, first, machine, seen } = await contended(true);
    const one = acquire();
    let told = 0;
    const two = expect(acquire({ timeout: 100, onWait: () => told++ })).rejects.toMatchObject({
      code: 'ERR_LEASE_TIMEOUT',
    });
    const three = acquire();
    await settled();
    await machine.pass(100);
    await two;
    expect(told).toBe(1);
    await first.release();
    seen.listeners[0]?.wake();
    await (await one).release();
    seen.listeners.at(-1)?.wake();
    await (await three).release();
  });

  test('G30 an engine that fails the first waiter fails all behind it, not one after the other', async () => {
    const { driver, acquire, seen } = await contended();
    const waiters = [acquire(), acquire(), acquire()].map((waiter) => expect(waiter).rejects.toThrow('out of order'));
    await settled();
    (driver as { tryAcquire: LeaseDriver['tryAcquire'] }).tryAcquire = () => Promise.reject(new Error('out of order'));
    seen.listeners[0]?.wake();
    await Promise.all(waiters);
  });
});
