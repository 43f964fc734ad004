import { describe, expect, test } from 'vitest';
import { EngineGrant, grantOf, type LeaseQueue, orderedLeaseDriver, type PlaceView } from '../../../src/drivers.js';
import { lease } from '../../../src/index.js';

const ttl = 20_000;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

class MemoryGrant extends EngineGrant {
  readonly token: bigint;
  readonly validUntil: number;
  readonly #giveUp: () => Promise<boolean>;

  constructor(token: bigint, validUntil: number, giveUp: () => Promise<boolean>) {
    super('memory');
    this.token = token;
    this.validUntil = validUntil;
    this.#giveUp = giveUp;
  }

  async renew(): Promise<number> {
    return this.validUntil + ttl;
  }

  protected giveUp(): Promise<boolean> {
    return this.#giveUp();
  }
}

/** A queue in the memory of the test: the first of `places` holds. The test may hold back or spoil each answer. */
function memoryQueue() {
  const places: symbol[] = [];
  const seen = { looks: 0, left: 0, closed: 0, again: [] as boolean[] };
  const onTheWay = { join: async (): Promise<void> => {}, look: async (): Promise<void> => {} };
  let tokens = 0n;
  let news: (() => void)[] = [];
  const tell = (): void => {
    for (const it of news.splice(0)) it();
  };
  const remove = (place: symbol): boolean => {
    const there = places.includes(place);
    if (there) places.splice(places.indexOf(place), 1);
    tell();
    return there;
  };
  const queue: LeaseQueue<MemoryGrant> = {
    name: 'memory',
    place(request, { again }) {
      const place = Symbol(request.name);
      seen.again.push(again);
      const view = (): PlaceView<MemoryGrant> => {
        if (!places.includes(place)) return { state: 'gone' };
        if (places[0] !== place) return { state: 'waiting', holders: [{ pid: 4242 }] };
        const grant = new MemoryGrant(++tokens, request.now() + ttl, async () => remove(place));
        return { state: 'granted', grant };
      };
      return {
        validUntil: request.now() + ttl,
        async join() {
          places.push(place);
          await onTheWay.join();
          return view();
        },
        async look() {
          seen.looks++;
          await onTheWay.look();
          return view();
        },
        changed: () => new Promise<void>((resolve) => news.push(resolve)),
        async leave() {
          seen.left++;
          return remove(place);
        },
      };
    },
    holders: async () => [],
    isPassing: (error) => (error as Error).message === 'an outage',
    closed: () => new Error('the driver is closed'),
    close: async () => {
      seen.closed++;
      news = [];
    },
  };
  return { queue, places, seen, onTheWay, tell };
}

describe('orderedLeaseDriver', () => {
  test('grants in order of arrival, and looks only when something ahead has changed', async () => {
    const { queue, places, seen } = memoryQueue();
    await using driver = orderedLeaseDriver(queue);
    const first = await lease('job', { driver, ttl });
    const order: number[] = [];
    const waiters = [1, 2, 3].map((n) => lease('job', { driver, ttl }, () => void order.push(n)));
    await turn();
    expect(seen.looks).toBe(0);
    await first.release();
    await Promise.all(waiters);
    expect(order).toEqual([1, 2, 3]);
    expect(places).toEqual([]);
  });

  test('an aborted call is answered at once; what its join leaves is removed when that has arrived', async () => {
    const { queue, places, seen, onTheWay } = memoryQueue();
    await using driver = orderedLeaseDriver(queue);
    let arrive = (): void => {};
    onTheWay.join = () => new Promise((resolve) => (arrive = resolve));
    const change = new AbortController();
    const refused = expect(lease('job', { driver, ttl, signal: change.signal })).rejects.toThrow('changed my mind');
    await turn();
    change.abort(new Error('changed my mind'));
    await refused;
    // It would have been granted, so it is released and not left.
    expect(places).toHaveLength(1);
    arrive();
    await turn();
    expect(places).toEqual([]);
    expect(seen.left).toBe(0);
  });

  test('a waiter that aborts leaves its place', async () => {
    const { queue, places, seen } = memoryQueue();
    await using driver = orderedLeaseDriver(queue);
    const held = await lease('job', { driver, ttl });
    await expect(lease('job', { driver, ttl, timeout: 10 })).rejects.toMatchObject({
      code: 'ERR_LEASE_TIMEOUT',
      holders: [{ pid: 4242 }],
    });
    await turn();
    expect([places.length, seen.left]).toEqual([1, 1]);
    await held.release();
  });

  test('a lost place is followed by another one, which is told that it comes again', async () => {
    const { queue, places, seen, tell } = memoryQueue();
    await using driver = orderedLeaseDriver(queue);
    const held = await lease('job', { driver, ttl });
    const waiting = lease('job', { driver, ttl });
    await turn();
    places.pop();
    tell();
    await turn();
    expect(seen.again).toEqual([false, false, true]);
    await held.release();
    await (await waiting).release();
  });

  test('an outage is sat out; any other error ends the wait and leaves', async () => {
    const { queue, seen, onTheWay, tell } = memoryQueue();
    await using driver = orderedLeaseDriver(queue);
    const held = await lease('job', { driver, ttl });
    const waiting = lease('job', { driver, ttl });
    await turn();
    let failures = 0;
    onTheWay.look = async () => {
      if (++failures < 3) throw new Error('an outage');
    };
    await held.release();
    await (await waiting).release();
    expect(failures).toBe(3);
    const again = await lease('job', { driver, ttl });
    const refused = expect(lease('job', { driver, ttl })).rejects.toThrow('no such table');
    await turn();
    onTheWay.look = () => Promise.reject(new Error('no such table'));
    tell();
    await refused;
    await turn();
    expect(seen.left).toBe(1);
    await again.release();
  });

  test('blocking: false joins and leaves, and close ends all, reports closed once and disconnects once', async () => {
    const { queue, places, seen } = memoryQueue();
    const driver = orderedLeaseDriver(queue);
    const held = await lease('job', { driver, ttl });
    await expect(lease('job', { driver, ttl, blocking: false })).rejects.toMatchObject({
      code: 'ERR_LEASE_NOT_ACQUIRED',
    });
    const refused = expect(lease('job', { driver, ttl })).rejects.toThrow('the driver is closed');
    await turn();
    await Promise.all([driver.close(), driver.close()]);
    await refused;
    expect(held.signal.reason).toMatchObject({ code: 'ERR_LEASE_LOST', reason: 'closed' });
    expect([places.length, seen.closed]).toEqual([0, 1]);
    await expect(lease('job', { driver, ttl })).rejects.toThrow('the driver is closed');
  });

  test('grantOf gives the grant of its own engine, and refuses those of others', async () => {
    const { queue } = memoryQueue();
    await using driver = orderedLeaseDriver(queue);
    await lease('job', { driver, ttl }, (held) => {
      expect(grantOf(held, 'memory')).toBe(held.grant);
      expect(() => grantOf(held, 'etcd')).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_OPTION', option: 'held' }),
      );
    });
    for (const wrong of [undefined, {}, { grant: {} }]) expect(() => grantOf(wrong as never, 'memory')).toThrow();
  });
});
