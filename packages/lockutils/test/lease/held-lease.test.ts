import { describe, expect, test } from 'vitest';
import type { LeaseDriver } from '../../src/drivers/lease-driver.js';
import { acquireLease } from '../../src/lease/acquire-lease.js';
import { leaseSettings } from '../../src/lease/lease-options.js';
import { ManualMachine, settled } from '../support/manual-clock.js';
import { MemoryLeaseDriver } from '../support/memory-lease-driver.js';

const ttl = 10_000;
const margin = 1000;

async function held(driver = new MemoryLeaseDriver(), machine = new ManualMachine()) {
  const lease = await acquireLease('job', leaseSettings('job', { driver, ttl }), machine.clock);
  return { driver, machine, lease };
}
const never = (): Promise<never> => new Promise(() => {});

describe('a held lease', () => {
  test('is renewed every third of its ttl, and lasts', async () => {
    const { driver, machine, lease } = await held();
    await machine.pass(100_000);
    expect(driver.renewals).toBe(30);
    expect(lease.signal.aborted).toBe(false);
    expect(lease.remaining).toBeGreaterThan(ttl / 2);
    await lease.release();
    expect(machine.timers).toBe(0);
    expect(driver.listeners).toBe(0);
  });

  test.each([1300, 1600])(
    'is renewed by what is left of its ttl when the grant took %i ms of 2000 to come',
    async (late) => {
      const driver = new MemoryLeaseDriver();
      const machine = new ManualMachine();
      driver.onTheWay = async (what) => {
        if (what === 'acquire') await new Promise<void>((answer) => machine.clock.schedule(late, answer));
      };
      const granting = acquireLease('job', leaseSettings('job', { driver, ttl: 2000 }), machine.clock);
      await machine.pass(late);
      const lease = await granting;
      await settled();
      expect(driver.renewals).toBe(1);
      expect(lease.remaining).toBe(1800);
      await machine.pass(10_000);
      expect(lease.signal.aborted).toBe(false);
      await lease.release();
    },
  );

  test('lasts though every answer takes nearly half of its ttl', async () => {
    const { driver, machine, lease } = await held();
    driver.onTheWay = () => new Promise((answer) => machine.clock.schedule(4400, answer));
    await machine.pass(100_000);
    expect(lease.signal.aborted).toBe(false);
    expect(driver.renewals).toBeLessThan(100_000 / 4000);
    driver.onTheWay = async () => {};
    await lease.release();
  });

  test('is renewed a third of its ttl after the request of the renewal before was sent, not after its answer', async () => {
    const { driver, machine, lease } = await held();
    driver.onTheWay = () => new Promise((answer) => machine.clock.schedule(1000, answer));
    await machine.pass(ttl / 3 + 1000);
    expect(driver.renewals).toBe(1);
    await machine.pass(ttl / 3 - 1001);
    expect(driver.renewals).toBe(1);
    await machine.pass(2);
    expect(driver.renewals).toBe(2);
    driver.onTheWay = async () => {};
    await lease.release();
  });

  test('a driver that gives less than was asked for is asked again after a twentieth of the ttl, in no tight loop', async () => {
    const driver = new MemoryLeaseDriver();
    const machine = new ManualMachine();
    const mean: LeaseDriver = {
      kind: 'lease',
      name: 'mean',
      tryAcquire: (request) => driver.tryAcquire({ ...request, ttl: ttl / 2 }),
    };
    const lease = await acquireLease('job', leaseSettings('job', { driver: mean, ttl }), machine.clock);
    await machine.pass(ttl);
    expect(driver.renewals).toBe(21);
    await lease.release();
  });

  test('aborts a margin before it can be granted elsewhere when no renewal comes through, and says why', async () => {
    const { driver, machine, lease } = await held();
    const broken = new Error('the line is cut');
    driver.onTheWay = () => Promise.reject(broken);
    let aborted = 0;
    lease.signal.addEventListener('abort', () => {
      aborted = machine.clock.now();
    });
    const granted = machine.clock.now();
    await machine.pass(ttl);
    expect(aborted - granted).toBe(ttl - margin);
    expect(lease.signal.reason).toMatchObject({ code: 'ERR_LEASE_LOST', reason: 'unreachable', cause: broken });
    expect(driver.renewals).toBeGreaterThan(2);
    expect(machine.timers).toBe(0);
  });

  test('aborts at its deadline though a timer fires early', async () => {
    const machine = new ManualMachine();
    const { clock } = machine;
    const early = {
      now: () => clock.now(),
      skipped: 0,
      schedule: (delay: number, action: () => void) => clock.schedule(delay > 1 ? delay - 0.5 : delay, action),
    };
    const driver = new MemoryLeaseDriver();
    driver.onTheWay = (what) => (what === 'renew' ? never() : Promise.resolve());
    const lease = await acquireLease('job', leaseSettings('job', { driver, ttl }), early);
    let told = false;
    lease.signal.addEventListener('abort', () => {
      told = true;
    });
    await machine.pass(ttl - margin - 0.1);
    expect(told).toBe(false);
    await machine.pass(0.1);
    expect(told).toBe(true);
  });

  test('a short one ends 100 ms before it can be granted elsewhere', async () => {
    const machine = new ManualMachine();
    const settings = leaseSettings('job', { driver: new MemoryLeaseDriver(), ttl: 500 });
    const lease = await acquireLease('job', settings, machine.clock);
    expect(lease.remaining).toBe(400);
    await lease.release();
  });

  test('says so when the renewal under way had no answer yet', async () => {
    const { driver, machine, lease } = await held();
    driver.onTheWay = () => new Promise(() => {});
    await machine.pass(ttl);
    const waited = ttl - margin - ttl / 3;
    const message = `the renewal that began ${Math.round(waited)} ms earlier had not been answered yet`;
    expect(lease.signal.reason).toMatchObject({ reason: 'unreachable', cause: { message } });
  });

  test('counts a renewal from before its request was sent, not from its answer', async () => {
    const { driver, machine, lease } = await held();
    driver.onTheWay = () => new Promise((answer) => machine.clock.schedule(2000, answer));
    await machine.pass(ttl / 3 + 2000);
    expect(lease.remaining).toBeCloseTo(ttl - margin - 2000);
    driver.onTheWay = async () => {};
    await lease.release();
  });

  test('a driver that gives more than was asked for: the margin is a tenth of what it gave', async () => {
    const driver = new MemoryLeaseDriver();
    const machine = new ManualMachine();
    const generous: LeaseDriver = {
      kind: 'lease',
      name: 'generous',
      tryAcquire: (request) => driver.tryAcquire({ ...request, ttl: ttl * 5 }),
    };
    const lease = await acquireLease('job', leaseSettings('job', { driver: generous, ttl }), machine.clock);
    expect(lease.remaining).toBe(ttl * 5 - margin * 5);
    await machine.pass(ttl);
    expect(lease.remaining).toBeCloseTo(ttl * 5 - margin * 5 - (ttl % (ttl / 3)));
    await lease.release();
  });

  test('a renewal that promises less than the promise before takes nothing away', async () => {
    const machine = new ManualMachine();
    const driver = new MemoryLeaseDriver();
    const shorter: LeaseDriver = {
      kind: 'lease',
      name: 'shorter',
      tryAcquire: async (request) => {
        const grant = await driver.tryAcquire(request);
        return grant && { ...grant, renew: async () => grant.validUntil - 2000 };
      },
    };
    const lease = await acquireLease('job', leaseSettings('job', { driver: shorter, ttl }), machine.clock);
    await lease.renew();
    expect(lease.remaining).toBe(ttl - margin);
    await lease.release();
  });

  test('an answer that comes after the deadline brings nothing back', async () => {
    const { driver, machine, lease } = await held();
    let answer = (): void => {};
    driver.onTheWay = () => new Promise((done) => (answer = done));
    await machine.pass(ttl - margin);
    expect(lease.signal.aborted).toBe(true);
    answer();
    await settled();
    expect(() => lease.assertHeld()).toThrow('Lost the lease job (token 1)');
    expect(lease.remaining).toBe(0);
  });

  test('nor one that is read before the timer of the deadline could run, since the loop was blocked', async () => {
    const { driver, machine, lease } = await held();
    let answer = (): void => {};
    driver.onTheWay = () => new Promise((done) => (answer = done));
    await machine.pass(ttl / 3);
    machine.block(ttl - ttl / 3 - margin);
    answer();
    await settled();
    expect(lease.signal.reason).toMatchObject({ code: 'ERR_LEASE_LOST' });
  });

  test.each(['aborted', 'reason', 'throwIfAborted', 'assertHeld', 'signal of the handle', 'remaining'])(
    'knows after a blocked loop, before any timer has run: %s',
    async (what) => {
      const { machine, lease } = await held();
      const { signal } = lease;
      machine.block(ttl - margin);
      if (what === 'aborted') expect(signal.aborted).toBe(true);
      if (what === 'reason') expect(signal.reason).toMatchObject({ reason: 'blocked' });
      if (what === 'throwIfAborted') expect(() => signal.throwIfAborted()).toThrow('the event loop was blocked');
      if (what === 'assertHeld') expect(() => lease.assertHeld()).toThrow('the event loop was blocked');
      if (what === 'signal of the handle') expect(lease.signal.aborted).toBe(true);
      if (what === 'remaining') expect(lease.remaining).toBe(0);
    },
  );

  test('knows after a sleep of the machine when it is asked, and tells listeners soon after', async () => {
    const { machine, lease } = await held();
    machine.sleep(ttl);
    expect(lease.signal.aborted).toBe(true);
    expect(lease.signal.reason).toMatchObject({ reason: 'slept' });

    const other = await held();
    let told = false;
    other.lease.signal.addEventListener('abort', () => {
      told = true;
    });
    await other.machine.pass(1000);
    other.machine.sleep(ttl);
    await other.machine.pass(250);
    expect(told).toBe(true);
  });

  test('says blocked, and not unreachable, when an earlier renewal had failed and a later one had not', async () => {
    const { driver, machine, lease } = await held();
    driver.onTheWay = () => Promise.reject(new Error('the line is cut'));
    await machine.pass(ttl / 3);
    driver.onTheWay = async () => {};
    await machine.pass(1000);
    expect(lease.remaining).toBeGreaterThan(ttl - margin - 1000);
    machine.block(ttl);
    expect(lease.signal.reason).toMatchObject({ reason: 'blocked', cause: undefined });
  });

  test('says unreachable, and not slept, when a short sleep is not what ended it', async () => {
    const { driver, machine, lease } = await held();
    driver.onTheWay = never;
    await machine.pass(ttl / 3);
    machine.sleep(100);
    await machine.pass(ttl);
    expect(lease.signal.reason).toMatchObject({ reason: 'unreachable' });
  });

  test('one millisecond less of blocking or sleep loses nothing', async () => {
    const { machine, lease } = await held();
    machine.block(4000);
    machine.sleep(4999);
    expect(lease.signal.aborted).toBe(false);
    await machine.pass(0);
    await settled();
    expect(lease.remaining).toBe(ttl - margin);
    await lease.release();
  });

  test('is lost at once when the driver hears that it is gone', async () => {
    const { driver, lease } = await held();
    driver.revoke('job');
    expect(lease.signal.reason).toMatchObject({ reason: 'gone' });
  });

  test('G4 a release after loss rejects, and hurts no successor', async () => {
    const { driver, machine, lease } = await held();
    machine.block(ttl);
    const successor = await acquireLease('job', leaseSettings('job', { driver, ttl }), machine.clock);
    expect(successor.fencingToken).toBeGreaterThan(lease.fencingToken);
    await expect(lease.release()).rejects.toMatchObject({ code: 'ERR_LEASE_LOST', fencingToken: 1n });
    expect(driver.held.get('job')?.token).toBe(successor.fencingToken);
    await successor.renew();
    await successor.release();
  });

  test('G4 a release that finds it gone rejects, though the clock had not told yet', async () => {
    const { driver, lease } = await held();
    driver.held.delete('job');
    await expect(lease.release()).rejects.toMatchObject({ code: 'ERR_LEASE_LOST', reason: 'gone' });
  });

  test('releases once, however often it is asked; then it is not held, and the signal has not aborted', async () => {
    const { driver, machine, lease } = await held();
    await Promise.all([lease.release(), lease.release()]);
    await lease[Symbol.asyncDispose]();
    expect(driver.releases).toBe(1);
    expect(lease.released).toBe(true);
    expect(lease.remaining).toBe(0);
    await machine.pass(ttl * 2);
    expect(lease.signal.aborted).toBe(false);
    expect(() => lease.assertHeld()).toThrow('this holder has released it');
    await expect(lease.renew()).rejects.toMatchObject({ reason: 'released' });
  });

  test.each([false, true])(
    'a renewal that is answered after the release changes nothing, extended: %s',
    async (extended) => {
      const { driver, machine, lease } = await held();
      let answer = (): void => {};
      driver.onTheWay = (what) => (what === 'renew' ? new Promise((done) => (answer = done)) : Promise.resolve());
      await machine.pass(ttl / 3);
      expect(driver.renewals).toBe(1);
      const entry = driver.held.get('job');
      await lease.release();
      if (extended && entry !== undefined) driver.held.set('job', entry);
      answer();
      await settled();
      expect(lease.signal.aborted).toBe(false);
      expect(machine.timers).toBe(0);
    },
  );

  test('a release that cannot be told to the server rejects with its error', async () => {
    const { driver, lease } = await held();
    driver.onTheWay = () => Promise.reject(new Error('the line is cut'));
    await expect(lease.release()).rejects.toThrow('the line is cut');
  });

  test('G30 a release that is not answered rejects within ttl + 2 s, and says what is left behind', async () => {
    const { driver, machine, lease } = await held();
    driver.onTheWay = never;
    let outcome: unknown;
    const releasing = lease.release().catch((error: unknown) => {
      outcome = error;
    });
    await machine.pass(ttl);
    expect(outcome).toBeUndefined();
    await machine.pass(2000);
    await releasing;
    expect(outcome).toMatchObject({ code: 'ERR_LEASE_UNANSWERED', operation: 'release', fencingToken: 1n });
    expect((outcome as Error).message).toContain('the lease itself (token 1) may be left behind');
    expect((outcome as Error).message).toContain('ends by its ttl');
    expect(machine.timers).toBe(0);
  });

  test('G30 a release of a lease that is known to be lost waits for a driver that is mute a second, no longer', async () => {
    const { driver, machine, lease } = await held();
    driver.onTheWay = never;
    await machine.pass(ttl);
    expect(lease.signal.aborted).toBe(true);
    const refused = expect(lease.release()).rejects.toMatchObject({ code: 'ERR_LEASE_LOST', reason: 'unreachable' });
    await machine.pass(1000);
    await refused;
    expect(machine.timers).toBe(0);
  });

  test('says that the driver was closed when that is why it ended', async () => {
    const { driver, lease } = await held();
    driver.revoke('job', 'closed');
    expect(lease.signal.reason).toMatchObject({ reason: 'closed' });
    expect(lease.signal.reason.message).toContain('this process closed the driver');
  });

  test('renew() renews at once, joins one under way, and rejects with the driver error while still held', async () => {
    const { driver, machine, lease } = await held();
    await machine.pass(2000);
    await Promise.all([lease.renew(), lease.renew()]);
    expect(driver.renewals).toBe(1);
    expect(lease.remaining).toBe(ttl - margin);
    driver.onTheWay = () => Promise.reject(new Error('the line is cut'));
    await expect(lease.renew()).rejects.toThrow('the line is cut');
    expect(lease.signal.aborted).toBe(false);
    driver.onTheWay = never;
    const pending = expect(lease.renew()).rejects.toMatchObject({ code: 'ERR_LEASE_LOST' });
    machine.block(ttl);
    expect(lease.signal.aborted).toBe(true);
    await pending;
  });

  test('renew() rejects when the lease was released before the answer came', async () => {
    const { driver, lease } = await held();
    let answer = (): void => {};
    driver.onTheWay = (what) => (what === 'renew' ? new Promise((done) => (answer = done)) : Promise.resolve());
    const renewing = expect(lease.renew()).rejects.toMatchObject({ code: 'ERR_LEASE_LOST', reason: 'released' });
    await lease.release();
    answer();
    await renewing;
  });

  test('expiresAt is a wall clock time', async () => {
    const { lease } = await held();
    const before = Date.now();
    const { expiresAt } = lease;
    expect(expiresAt).toBeGreaterThan(before + ttl - margin - 10);
    expect(expiresAt).toBeLessThan(Date.now() + ttl - margin + 10);
    await lease.release();
  });
});
