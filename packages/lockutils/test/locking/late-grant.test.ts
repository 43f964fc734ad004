import type { LockDriver } from '@oslo-concurrency/lockutils';
import { type LockOptions, lock } from '@oslo-concurrency/lockutils';
import { kernelDriver, lockfileDriver } from '@oslo-concurrency/lockutils/drivers';
import { describe, expect, it } from 'vitest';
import { Contender } from '../support/contender.js';
import { lockDirectory } from '../support/lock-directory.js';

describe.each([
  ['kernel', kernelDriver],
  ['lockfile', lockfileDriver],
] as const)('driver %s', (driver, make) => {
  const modes: [title: string, died: LockOptions, next: LockOptions][] = [
    ['alone', {}, {}],
    ['to readers', {}, { shared: true }],
    ['by permits', { permits: 2 }, { permits: 2 }],
  ];
  /** Gets the lock just when nobody wants it any more. */
  const tooLate = (controller: AbortController): LockDriver => {
    const real = make();
    return {
      ...real,
      async tryAcquire(request) {
        const grant = await real.tryAcquire(request);
        controller.abort(new Error('too late'));
        return grant;
      },
    };
  };

  it.each(modes)(
    'G19 a grant (%s) that comes after the abort leaves the news of a death to the next',
    async (...row) => {
      using directory = lockDirectory();
      const [, died, mode] = row;
      const common: LockOptions = { external: true, driver, lockPath: directory.path };
      const options: LockOptions = { ...common, ...mode };
      const victim = await Contender.start();
      await victim.acquire('x', { ...common, ...died });
      await victim.end('SIGKILL');
      const controller = new AbortController();
      const late = { ...options, driver: tooLate(controller), signal: controller.signal };
      await expect(lock('x', late)).rejects.toThrow('too late');
      const next = await lock('x', { ...options, blocking: false });
      expect(next.previousOwnerDied).toBe(true);
      await next.release();
      const last = await lock('x', { ...options, blocking: false });
      expect(last.previousOwnerDied).toBe(false);
      await last.release();
    },
  );

  it('G19 a grant by permits that comes after the abort leaves the news of a dead writer and of a dead permit holder', async () => {
    using directory = lockDirectory();
    const common: LockOptions = { external: true, driver, lockPath: directory.path };
    const permit: LockOptions = { ...common, permits: 2 };
    for (const died of [permit, common]) {
      const victim = await Contender.start();
      await victim.acquire('x', died);
      await victim.end('SIGKILL');
    }
    const controller = new AbortController();
    const late = { ...permit, driver: tooLate(controller), signal: controller.signal };
    await expect(lock('x', late)).rejects.toThrow('too late');
    const told: boolean[] = [];
    for (const mode of [{ ...common, shared: true }, permit, permit]) {
      const next = await lock('x', { ...mode, blocking: false });
      told.push(next.previousOwnerDied);
      await next.release();
    }
    expect(told).toEqual([true, true, false]);
  });

  const ways: [title: string, options: (controller: AbortController) => LockOptions][] = [
    ['aborted', ({ signal }) => ({ signal })],
    ['timed out', () => ({ timeout: 5 })],
  ];
  it.each(ways)('G7 a slow try that succeeds after its wait was %s is given back', async (_title, ending) => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, driver, lockPath: directory.path };
    const real = make();
    for (let round = 0; round < 20; round += 1) {
      const controller = new AbortController();
      const slow = deferred<void>();
      const released = deferred<unknown>();
      const slowly: LockDriver = {
        ...real,
        async tryAcquire(request) {
          const grant = await real.tryAcquire(request);
          await slow.promise;
          if (grant === undefined) return undefined;
          const release: typeof grant.release = async (how) => {
            await grant.release(how);
            released.resolve(how);
          };
          return { ...grant, release };
        },
      };
      const call = lock('x', { ...options, ...ending(controller), driver: slowly });
      controller.abort(new Error('aborted'));
      await expect(call).rejects.toThrow();
      slow.resolve();
      expect(await released.promise).toEqual({ unused: true });
      await lock('x', { ...options, blocking: false }, () => {});
    }
  });

  it('G7 a try that answers as its wait is aborted is released before the call rejects, so the next single try is not refused', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, driver, lockPath: directory.path };
    const real = make();
    const controller = new AbortController();
    const [asked, answers] = [deferred<void>(), deferred<void>()];
    const slowly: LockDriver = {
      ...real,
      async tryAcquire(request) {
        const grant = await real.tryAcquire(request);
        asked.resolve();
        await answers.promise;
        if (grant === undefined) return undefined;
        const release: typeof grant.release = async (how) => {
          for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
          await grant.release(how);
        };
        return { ...grant, release };
      },
    };
    // No time passes, so the try is not cut short.
    const clock = { now: () => 0, schedule: () => () => {} };
    const call = lock('x', { ...options, signal: controller.signal, clock, driver: slowly });
    await asked.promise;
    controller.abort(new Error('aborted'));
    answers.resolve();
    await expect(call).rejects.toThrow('aborted');
    await lock('x', { ...options, blocking: false }, () => {});
  });

  it('G7 an error of a try that fails as its wait is aborted is not what the call rejects with', async () => {
    using directory = lockDirectory();
    const controller = new AbortController();
    const answers = deferred<void>();
    const failing: LockDriver = {
      ...make(),
      async tryAcquire() {
        await answers.promise;
        throw new Error('failed');
      },
    };
    const call = lock('x', { external: true, lockPath: directory.path, signal: controller.signal, driver: failing });
    controller.abort(new Error('aborted'));
    answers.resolve();
    await expect(call).rejects.toThrow('aborted');
  });

  it('G10 a fair single try right after a release, or after a refusal, meets nobody of its own', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, fair: true, driver, lockPath: directory.path };
    await using other = await Contender.start();
    for (let round = 0; round < 30; round += 1) {
      await (await lock('x', { ...options, blocking: false })).release();
      await other.acquire('x', options);
      await expect(lock('x', { ...options, blocking: false })).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_ACQUIRED' });
      await other.release('x');
    }
  });
});

function deferred<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
