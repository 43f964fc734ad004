import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { lockfileLeaseDriver } from '../../src/drivers.js';
import { lease, leaseAll } from '../../src/index.js';
import { MemoryLeaseDriver } from '../support/memory-lease-driver.js';

// So long that a stall of the machine loses no lease: no test here waits for the end of one.
const ttl = 20_000;
const lockPath = mkdtempSync(join(tmpdir(), 'lease-all-'));
afterAll(() => rmSync(lockPath, { recursive: true, force: true }));

describe('leaseAll', () => {
  test('acquires each name once, in one order, each with its own token and signal', async () => {
    const driver = new MemoryLeaseDriver();
    const held = await leaseAll(['c', 'a', 'b', 'a'], { driver, ttl });
    expect(held.names).toEqual(['a', 'b', 'c']);
    expect(new Set(held.leases.map(({ fencingToken }) => fencingToken)).size).toBe(3);
    expect(held.of('c')).toBe(held.leases[2]);
    expect(held.of('d')).toBeUndefined();
    held.assertHeld();
    await held.release();
    expect(driver.held.size).toBe(0);
    expect(held.released).toBe(true);
  });

  test('all or nothing: what was acquired is released when one of them times out, and the error names the whole timeout', async () => {
    const driver = new MemoryLeaseDriver();
    const other = await lease('b', { driver, ttl });
    const all = leaseAll(['a', 'b', 'c'], { driver, ttl, timeout: 100 });
    await expect(all).rejects.toMatchObject({ code: 'ERR_LEASE_TIMEOUT', leaseName: 'b', timeout: 100 });
    await expect(leaseAll(['a', 'b'], { driver, ttl, blocking: false })).rejects.toMatchObject({
      code: 'ERR_LEASE_NOT_ACQUIRED',
    });
    expect([...driver.held.keys()]).toEqual(['b']);
    await other.release();
  });

  test('the loss of one of them aborts the common signal with its error, and the others are released', async () => {
    const driver = new MemoryLeaseDriver();
    const reason = await leaseAll(['a', 'b'], { driver, ttl }, ({ signal }) => {
      driver.revoke('b');
      expect(signal.aborted).toBe(true);
      throw new Error('what the body makes of it');
    }).catch((error: unknown) => error);
    expect(reason).toMatchObject({
      code: 'ERR_LEASE_LOST',
      leaseName: 'b',
      cause: { message: 'what the body makes of it' },
    });
    expect(driver.held.size).toBe(0);
  });

  test('the loss of an acquired lease ends the wait for the next', async () => {
    const driver = new MemoryLeaseDriver();
    const other = await lease('b', { driver, ttl });
    let waits = (): void => {};
    const waiting = new Promise<void>((resolve) => {
      waits = resolve;
    });
    const all = leaseAll(['a', 'b'], { driver, ttl, onWait: () => waits() });
    const refused = expect(all).rejects.toMatchObject({ code: 'ERR_LEASE_LOST', leaseName: 'a' });
    await waiting;
    driver.revoke('a');
    await refused;
    await other.release();
  });

  test('G13 callers that name them in opposite orders never wait for each other in a cycle', async () => {
    const [one, two] = [lockfileLeaseDriver({ lockPath }), lockfileLeaseDriver({ lockPath })];
    const names = ['x', 'y', 'z'];
    let done = 0;
    const rounds = async (driver: typeof one, order: readonly string[]): Promise<void> => {
      for (let n = 0; n < 5; n++) await leaseAll(order, { driver, ttl, timeout: 20_000 }, () => done++);
    };
    await Promise.all([rounds(one, names), rounds(two, [...names].reverse())]);
    expect(done).toBe(10);
  });

  test('names that the driver keeps as one lease count once', async () => {
    const driver = lockfileLeaseDriver({ lockPath });
    await leaseAll(['s/t', 's_t'], { driver, ttl, timeout: 20_000 }, (held) => {
      expect(held.leases).toHaveLength(1);
      expect(held.of('s_t')).toBe(held.of('s/t'));
    });
  });

  test('refuses what is no list of names, and permits of a driver that has none, before anything is acquired', async () => {
    const driver = new MemoryLeaseDriver();
    await expect(leaseAll('a' as never, { driver, ttl })).rejects.toMatchObject({ option: 'names' });
    await expect(leaseAll(['a', ''], { driver, ttl })).rejects.toMatchObject({ option: 'name' });
    await expect(leaseAll(['a'], { driver, ttl, permits: 2 })).rejects.toMatchObject({ option: 'permits' });
    await expect(lease('a', { driver, ttl, permits: 0 })).rejects.toMatchObject({ option: 'permits' });
    expect(driver.held.size).toBe(0);
  });
});
