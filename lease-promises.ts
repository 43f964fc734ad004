// What `lease` promises on each engine that keeps an order of arrival, as one text for all of them: one process and the
// engine itself. `packages/lockutils-*/test/*-lease-driver.test.ts` run it on their engines. What several processes
// and a failing engine show is the task of `verifyLeaseDriver`; only waiters that are killed are here, by `lease-waiter.mjs`.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Holder, type LeaseDriver, type LeaseWaitInfo, lease } from '@oslo-concurrency/lockutils';
import { expect } from 'vitest';

/** A driver that can be closed. */
type ClosableDriver = LeaseDriver & { close(): Promise<void> };

/** An engine, and how to look into it. */
export interface LeaseSubject {
  /** Another driver on the engine, as another process would have it. */
  readonly another: () => ClosableDriver;
  /** What the leases of this test have in the engine now, in a form that can be compared; `empty` for nothing. */
  readonly leftovers: () => Promise<unknown>;
  readonly empty: unknown;
  /** The code of the error of a driver that was closed. */
  readonly closed: string;
}

/** An engine with waiters in other processes. */
export interface WaiterSubject {
  /** The module whose `createLeaseDriver(options)` makes a driver. */
  readonly module: URL;
  readonly options: () => object;
  /** A ttl of waiters, and how long the place of such a waiter lasts after its death. Milliseconds. */
  readonly ttl: number;
  readonly place: number;
}

/** One promise: run it as a test with this title. */
export interface LeasePromise {
  readonly title: string;
  run(): Promise<void>;
}

const waiter = fileURLToPath(new URL('./lease-waiter.mjs', import.meta.url));

let names = 0;
const freshName = (): string => `promise-${process.pid}-${++names}`;

export function leasePromises(subject: LeaseSubject): readonly LeasePromise[] {
  const { closed, leftovers, empty } = subject;
  // A busy machine may stop a process for seconds, and a call ends after ttl + 2 s at the latest.
  const ttl = 30_000;
  const leavesNothing = (): Promise<void> => expect.poll(leftovers, { timeout: 10_000 }).toEqual(empty);
  const withDriver =
    (run: (driver: ClosableDriver) => Promise<void>): (() => Promise<void>) =>
    async () => {
      const driver = subject.another();
      try {
        await run(driver);
      } finally {
        await driver.close();
      }
    };

  const bodyHolds = withDriver(async (driver) => {
    const value = await lease(freshName(), { driver, ttl }, async (held) => {
      held.assertHeld();
      expect(await leftovers()).not.toEqual(empty);
      return 'done';
    });
    expect(value).toBe('done');
    expect(await leftovers()).toEqual(empty);
  });

  const order = withDriver(async (driver) => {
    const name = freshName();
    const drivers = [driver, subject.another(), subject.another()];
    const first = await lease(name, { driver, ttl });
    const granted: number[] = [];
    const tokens = [first.fencingToken];
    let inside = 0;
    const calls: Promise<void>[] = [];
    for (let n = 0; n < 12; n += 1) {
      await new Promise<void>((waiting, fails) => {
        const one = drivers[n % 3] as ClosableDriver;
        const call = lease(name, { driver: one, ttl, onWait: () => waiting() }, async (held) => {
          expect(++inside).toBe(1);
          granted.push(n);
          tokens.push(held.fencingToken);
          await Promise.resolve();
          inside -= 1;
        });
        calls.push(call);
        call.catch(fails);
      });
    }
    await first.release();
    await Promise.all(calls);
    expect(granted).toEqual([...granted].sort((a, b) => a - b));
    expect(tokens.every((token, n) => n === 0 || token > (tokens[n - 1] as bigint))).toBe(true);
    expect(await leftovers()).toEqual(empty);
    await Promise.all(drivers.slice(1).map((one) => one.close()));
  });

  const holderIsNamed = withDriver(async (driver) => {
    const name = freshName();
    const first = { pid: process.pid, label: 'the first' };
    const held = await lease(name, { driver, ttl, label: first.label });
    let heard: Promise<readonly Holder[]> | undefined;
    let late: unknown;
    // Before the call has joined the queue nothing is known of a holder, and how long that takes is up to the machine.
    for (let timeout = 200; heard === undefined && timeout < ttl; timeout *= 2) {
      const onWait = (info: LeaseWaitInfo): void => {
        heard = info.holders();
      };
      late = await lease(name, { driver, ttl, timeout, onWait }).catch((error: unknown) => error);
    }
    expect(late).toMatchObject({ code: 'ERR_LEASE_TIMEOUT', holders: [first] });
    expect(await heard).toMatchObject([first]);
    expect(await driver.holders?.(name)).toMatchObject([first]);
    await held.release();
    expect(await driver.holders?.(name)).toEqual([]);
    await leavesNothing();
  });

  const oneAttempt = withDriver(async (driver) => {
    const name = freshName();
    const held = await lease(name, { driver, ttl });
    const before = await leftovers();
    const refused = { code: 'ERR_LEASE_NOT_ACQUIRED' };
    await expect(lease(name, { driver, ttl, blocking: false })).rejects.toMatchObject(refused);
    expect(await leftovers()).toEqual(before);
    await held.release();
    await lease(name, { driver, ttl, blocking: false }, () => {});
  });

  const attemptAfterAbort = withDriver(async (driver) => {
    const name = freshName();
    for (let round = 0; round < 10; round += 1) {
      const held = await lease(name, { driver, ttl });
      const change = new AbortController();
      // One that the release reaches before the abort does is granted.
      const begin = (onWait?: () => void): Promise<void> =>
        lease(name, { driver, ttl, signal: change.signal, ...(onWait && { onWait }) }).then(
          (late) => late.release(),
          () => {},
        );
      let waiter: Promise<void> | undefined;
      await new Promise<void>((waits) => {
        waiter = begin(waits);
      });
      const joining = begin();
      await held.release();
      change.abort();
      await Promise.all([waiter, joining]);
      await lease(name, { driver, ttl, blocking: false }, () => {});
    }
  });

  const abortsAnywhere = withDriver(async (driver) => {
    const name = freshName();
    const reason = new Error('changed my mind');
    const abortAfter = (turns: number): AbortSignal => {
      const controller = new AbortController();
      const step = (left: number): void => {
        if (left === 0) controller.abort(reason);
        else setImmediate(step, left - 1);
      };
      step(turns);
      return controller.signal;
    };
    let granted = 0;
    const calls = Array.from({ length: 100 }, (_, n) =>
      lease(name, { driver, ttl, signal: abortAfter(n * 4) }, () => granted++).catch((error: unknown) => {
        expect(error).toBe(reason);
      }),
    );
    await Promise.all(calls);
    await lease(name, { driver, ttl }, () => granted++);
    expect(granted).toBeGreaterThan(0);
    await leavesNothing();
  });

  const closeEndsAll = withDriver(async (driver) => {
    const name = freshName();
    const lost = { code: 'ERR_LEASE_LOST', reason: 'closed' };
    const held = await lease(name, { driver, ttl });
    const refused = expect(lease(name, { driver, ttl })).rejects.toMatchObject({ code: closed });
    await driver.close();
    await refused;
    expect(held.signal.reason).toMatchObject(lost);
    expect(await leftovers()).toEqual(empty);
    await expect(held.release()).rejects.toMatchObject(lost);
    await expect(lease(name, { driver, ttl })).rejects.toMatchObject({ code: closed });
  });

  const closeLeavesNothing = withDriver(async (driver) => {
    const name = freshName();
    const held = await lease(name, { driver, ttl });
    const before = await leftovers();
    for (const joining of [false, true]) {
      const other = subject.another();
      let refused: Promise<void> | undefined;
      const begin = (onWait?: () => void): void => {
        const call = lease(name, { driver: other, ttl, ...(onWait && { onWait }) });
        refused = expect(call).rejects.toMatchObject({ code: closed });
      };
      if (joining) begin();
      else await new Promise<void>(begin);
      await other.close();
      await refused;
      expect(await leftovers()).toEqual(before);
    }
    await held.release();
  });

  const renewsItself = withDriver(async (driver) => {
    const name = freshName();
    // No longer than this, since the test waits for its end. Renewals come so often that this process, or the engine, may
    // stand still for seconds.
    const short = 5000;
    const renewEvery = 400;
    const held = await lease(name, { driver, ttl: short, renewEvery });
    const { fencingToken } = held;
    // Held at that time, it was renewed four times at least.
    const end = performance.now() + short + 4 * renewEvery;
    await expect.poll(() => performance.now() > end, { timeout: short * 4 }).toBe(true);
    held.assertHeld();
    const asked = performance.now();
    await held.renew();
    // However late this process looks at it.
    expect(held.remaining + performance.now() - asked).toBeGreaterThan(short * 0.7);
    expect(held.fencingToken).toBe(fencingToken);
    expect(await driver.holders?.(name)).toMatchObject([{ pid: process.pid }]);
    await held.release();
  });

  return [
    { title: 'lease holds while fn runs, resolves to its value, and leaves nothing in the engine', run: bodyHolds },
    { title: 'G10 grants in the order of arrival, one at a time, with growing tokens', run: order },
    { title: 'onWait and the timeout name the holder; the timeout leaves no place in the queue', run: holderIsNamed },
    { title: 'blocking: false fails at once, with nothing written', run: oneAttempt },
    { title: 'blocking: false is granted at once after a waiter before it was aborted', run: attemptAfterAbort },
    { title: 'G7 aborts at any moment, against the grant too, leave nothing in the engine', run: abortsAnywhere },
    {
      title: 'close ends waits, aborts held leases, leaves nothing in the engine, refuses further use',
      run: closeEndsAll,
    },
    { title: 'close leaves nothing of a mere waiter, nor of one that is just joining', run: closeLeavesNothing },
    { title: 'a lease renews itself: held for longer than its ttl, with the same token', run: renewsItself },
  ];
}

/** What becomes of the queue behind waiters that were killed. It waits for their places to end, so run it beside others. */
export function deadWaiterPromise({ module, options, ttl, place }: WaiterSubject): LeasePromise {
  const run = async (): Promise<void> => {
    const name = freshName();
    const { createLeaseDriver } = (await import(module.href)) as { createLeaseDriver(options: object): ClosableDriver };
    const driver = await createLeaseDriver(options());
    const dying: ChildProcess[] = [];
    try {
      const held = await lease(name, { driver, ttl });
      for (let n = 0; n < 2; n += 1) {
        const told = { module: module.href, options: options(), name, ttl };
        const child = fork(waiter, [JSON.stringify(told)], { execArgv: [] });
        dying.push(child);
        const failed = once(child, 'exit').then(() => Promise.reject(new Error('a waiter ended by itself')));
        failed.catch(() => {});
        await Promise.race([once(child, 'message'), failed]);
      }
      let next: Promise<void> | undefined;
      await new Promise<void>((waits) => {
        // The two looked before this one, so their places end before. The rest is for the machine, and less than another ttl.
        next = lease(name, { driver, ttl, timeout: place + 4000, onWait: () => waits() }, () => {});
      });
      next?.catch(() => {});
      const ended = Promise.all(dying.map((child) => once(child, 'exit')));
      for (const child of dying) child.kill('SIGKILL');
      await ended;
      await held.release();
      await next;
    } finally {
      for (const child of dying) child.kill('SIGKILL');
      await driver.close();
    }
  };
  return {
    title: 'a waiter behind two that were killed is granted the lease when their places end, long before a long ttl',
    run,
  };
}
