import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { configure } from '@oslo-concurrency/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kernelDriver } from '../dist/drivers.js';
import { acquireAll, type HeldLock, type LockDriver, lock, Semaphores } from '../dist/index.js';
import { lockDirectory } from './fixtures/lock-directory.js';
import { hasOslo, startPeer } from './fixtures/peer.js';
import { recordedLog } from './fixtures/recorded-log.js';
import { releaseFailsOnce } from './fixtures/release-fails-once.js';

const notFree = expect.objectContaining({ code: 'ERR_LOCK_NOT_ACQUIRED' });

describe('acquireAll', () => {
  test('takes all, in one order, each once, and gives back all', async () => {
    const lockPath = lockDirectory();
    const held = await acquireAll(['b', 'a/x', 'b', 'a_x'], { external: true, lockPath });
    expect(held.names).toEqual(['a/x', 'a_x', 'b']);
    expect(held.lockFiles).toEqual([join(lockPath, 'a_x'), join(lockPath, 'b')]);
    for (const name of held.names) await expect(lock(name, { blocking: false })).rejects.toEqual(notFree);
    expect([held.released, held.previousOwnerDied]).toEqual([false, false]);
    await held.release();
    await held.release();
    expect(held.released).toBe(true);
    await acquireAll(['a', 'b'], { blocking: false }, () => {});
  });

  test('G13 takes the files in the order of their paths, which need not be that of their names', async () => {
    const lockPath = lockDirectory();
    const real = kernelDriver();
    const tried: string[] = [];
    const driver: LockDriver = {
      ...real,
      tryAcquire(request) {
        tried.push(basename(request.path));
        return real.tryAcquire(request);
      },
    };
    // As names `a/z` stands before `aB`, as files `aB` before `a_z`.
    const held = await acquireAll(['c', 'a/z', 'aB'], { external: true, lockPath, driver });
    expect([held.names, tried]).toEqual([
      ['a/z', 'aB', 'c'],
      ['aB', 'a_z', 'c'],
    ]);
    await held.release();
  });

  test('holds around a function and passes its value on; await using and using release too', async () => {
    expect(await acquireAll(['a', 'b'], (held) => held.names.join())).toBe('a,b');
    {
      await using _ = await acquireAll(['a', 'b']);
      await expect(lock('b', { blocking: false })).rejects.toEqual(notFree);
    }
    {
      using _ = await acquireAll(['a', 'b'], { external: true, lockPath: lockDirectory() });
    }
    await acquireAll(['a', 'b'], { blocking: false }, () => {});
    expect((await acquireAll([])).names).toEqual([]);
  });

  test('one that is not free: none is kept', async () => {
    const lockPath = lockDirectory();
    const taken = await lock('b', { external: true, lockPath });
    const options = { external: true, lockPath } as const;
    await expect(acquireAll(['a', 'b', 'c'], { ...options, blocking: false })).rejects.toEqual(notFree);
    await expect(acquireAll(['a', 'b', 'c'], { ...options, timeout: 10 })).rejects.toMatchObject({
      code: 'ERR_LOCK_TIMEOUT',
      lockName: 'b',
      timeout: 10,
    });
    const giveUp = new AbortController();
    const aborted = acquireAll(['a', 'b', 'c'], { ...options, signal: giveUp.signal });
    giveUp.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    await acquireAll(['a', 'c'], { ...options, blocking: false }, () => {});
    await taken.release();
    await acquireAll(['a', 'b', 'c'], { ...options, blocking: false }, () => {});
  });

  test('one timeout bounds the whole call, however many are waited for', async () => {
    let now = 0;
    const clock = {
      now: () => now,
      schedule: (delay: number, action: () => void) => {
        timers.push({ at: now + delay, action });
        return () => {};
      },
    };
    const timers: { at: number; action: () => void }[] = [];
    const first = await lock('a');
    const second = await lock('b');
    const all = acquireAll(['a', 'b'], { timeout: 100, clock });
    all.catch(() => {});
    await new Promise(setImmediate);
    now = 60;
    await first.release();
    await new Promise(setImmediate);
    expect(timers.map(({ at }) => at)).toEqual([100, 100]);
    now = 100;
    for (const { action } of timers) action();
    await expect(all).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT', lockName: 'b', timeout: 100 });
    await second.release();
    await lock('a', { blocking: false }, () => {});
  });

  test('G14 a throw releases all and is passed on', async () => {
    const failure = new Error('the body failed');
    await expect(acquireAll(['a', 'b'], () => Promise.reject(failure))).rejects.toBe(failure);
    await acquireAll(['a', 'b'], { blocking: false }, () => {});
  });

  test('G14 when the system fails to release one, the others are released, and release may be called again', async () => {
    const lockPath = lockDirectory();
    const held = await acquireAll(['a', 'b'], { external: true, lockPath, driver: releaseFailsOnce() });
    await expect(held.release()).rejects.toMatchObject({ code: 'ERR_LOCK_RELEASE', lockName: 'b' });
    expect(held.released).toBe(false);
    await lock('a', { external: true, lockPath, blocking: false }, () => {});
    await expect(lock('b', { external: true, lockPath, blocking: false })).rejects.toEqual(notFree);
    await held.release();
    expect(held.released).toBe(true);
    await lock('b', { external: true, lockPath, blocking: false }, () => {});
  });

  test('G12 in the body of one of them it is refused at once, and a circle with a nested lock is named', async () => {
    await lock('b', async () => {
      await expect(acquireAll(['a', 'b'], () => {})).rejects.toMatchObject({ code: 'ERR_DEADLOCK' });
    });
    let goOn = (): void => {};
    const told = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const nested = lock('b', async () => {
      await told;
      await lock('a', () => {});
    });
    const all = acquireAll(['a', 'b'], () => 'all');
    await new Promise(setImmediate);
    goOn();
    await expect(nested).rejects.toMatchObject({ code: 'ERR_DEADLOCK', cycle: ['a', 'b', 'a'] });
    expect(await all).toBe('all');
  });

  test('shared, permits, collections and the log are as with lock', async () => {
    const semaphores = new Semaphores();
    const lockPath = lockDirectory();
    await acquireAll(['a', 'b'], { shared: true }, () =>
      acquireAll(['b', 'c'], { shared: true, blocking: false }, () => {}),
    );
    await acquireAll(['a', 'b'], async () => {
      await acquireAll(['a', 'b'], { semaphores, blocking: false }, () => expect(semaphores.size).toBe(2));
    });
    expect(semaphores.size).toBe(0);
    const messages = recordedLog();
    await acquireAll(['b', 'a'], { external: true, lockPath }, () => {});
    const taking = ['a', 'b'].flatMap((name) => [`Acquiring lock "${name}"`, `Acquired lock "${name}"`]);
    const files = ['a', 'b'].map((name) => `Acquired external semaphore "${name}"`);
    expect(messages).toEqual([...taking, ...files, 'Releasing lock "b"', 'Releasing lock "a"']);
  });

  test('with disableProcessLocking holds within the process', async () => {
    const lockPath = lockDirectory();
    using _ = configure({ disableProcessLocking: true });
    await acquireAll(['a', 'b'], { external: true, lockPath }, (held) => expect(held.lockFiles).toEqual([]));
    expect(readdirSync(lockPath)).toEqual([]);
  });

  test('warnAfter warns of a wait and of a hold that last too long', async () => {
    const messages = recordedLog('warn');
    const timers: (() => void)[] = [];
    const clock = {
      now: () => timers.length * 10,
      schedule: (_: number, action: () => void) => {
        timers.push(action);
        return () => {};
      },
    };
    const held = await lock('b', { doLog: false });
    const all = acquireAll(['a', 'b'], { warnAfter: 10, clock }, () => timers.at(-1)?.());
    await new Promise(setImmediate);
    timers.at(-1)?.();
    await held.release();
    await all;
    expect(messages).toEqual([
      expect.stringMatching(/^waiting for lock "b" not completed after/),
      expect.stringMatching(/^holding lock "a \+ b" not completed after/),
    ]);
  });

  test('what is wrong is refused before anything is taken', async () => {
    const lockPath = lockDirectory();
    await expect(acquireAll('ab' as never)).rejects.toMatchObject({ option: 'names' });
    await expect(acquireAll(['a', ''])).rejects.toMatchObject({ code: 'ERR_INVALID_LOCK_NAME' });
    await expect(acquireAll([], null as never)).rejects.toMatchObject({ option: 'options' });
    await expect(acquireAll(['a'], {}, 'fn' as never)).rejects.toMatchObject({ option: 'fn' });
    await expect(acquireAll(['a', '..'], { external: true, lockPath })).rejects.toMatchObject({ problem: 'dots' });
    expect(readdirSync(lockPath)).toEqual([]);
  });

  test.skipIf(!hasOslo)('G9 excludes Python for each of its files', async () => {
    const lockPath = lockDirectory();
    const peer = startPeer('hold-file.py', ['lock', join(lockPath, 'b')]);
    expect(await peer.line()).toBe('held');
    await expect(acquireAll(['a', 'b'], { external: true, lockPath, blocking: false })).rejects.toEqual(notFree);
    const all = acquireAll(['a', 'b'], { external: true, lockPath });
    peer.tell('go on');
    await (await all).release();
    expect(existsSync(join(lockPath, 'a'))).toBe(true);
  });
});

const names = ['a', 'b', 'a/b', 'a_b', 'aB', 'n-a', 'n-b'];
const step = fc.record({
  names: fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 4 }),
  prefix: fc.constantFrom('', 'n'),
  collection: fc.nat(1),
});

describe('G13 never deadlocks', () => {
  test('in one process: any names, orders, prefixes, collections and modes, external and internal, beside single locks', async () => {
    const lockPath = lockDirectory();
    const collections = [{}, { semaphores: new Semaphores() }];
    const mode = fc.record({ shared: fc.boolean(), fair: fc.boolean() });
    const kind = fc.constantFrom<'all' | 'internal' | 'single'>('all', 'internal', 'single');
    let contended = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(step, kind, mode), { minLength: 2, maxLength: 10 }), async (steps) => {
        const onWait = (): void => {
          contended += 1;
        };
        const calls = steps.map(([{ names, prefix, collection }, how, chosen]) => {
          const external = how !== 'internal';
          const where = { external, lockPath, lockFilePrefix: prefix, ...collections[collection] };
          const options = { ...where, ...chosen, onWait };
          const pause = () => new Promise<void>((resolve) => setImmediate(resolve));
          return how === 'single' ? lock(names[0] ?? 'a', options, pause) : acquireAll(names, options, pause);
        });
        await withoutDeadlock(Promise.all(calls));
      }),
      { numRuns: Number(process.env.FC_RUNS ?? 200) },
    );
    expect(contended).toBeGreaterThan(50);
  });

  describe('between processes', () => {
    const program = fileURLToPath(new URL('fixtures/acquire-all.mjs', import.meta.url));
    const children: ChildProcess[] = [];
    beforeAll(async () => {
      children.push(...[1, 2, 3].map(() => fork(program)));
      await Promise.all(children.map((child) => once(child, 'message')));
    });
    afterAll(() => {
      for (const child of children) child.kill('SIGKILL');
    });

    test('whatever they take, in whatever order, and never two have one of them', async () => {
      const lockPath = lockDirectory();
      const plan = fc.array(step, { minLength: 1, maxLength: 6 });
      await fc.assert(
        fc.asyncProperty(fc.tuple(plan, plan, plan), async (plans) => {
          const answers = children.map((child) => once(child, 'message'));
          for (const [i, child] of children.entries()) child.send({ steps: plans[i], lockPath });
          const seen = await withoutDeadlock(Promise.all(answers));
          expect(seen.map(([wrong]) => wrong)).toEqual([[], [], []]);
        }),
        { numRuns: Number(process.env.FC_RUNS ?? 40) },
      );
    });
  });

  test('taken one by one in any order they do, which the check above would see', async () => {
    const lockPath = lockDirectory();
    const options = { external: true, lockPath } as const;
    const held: HeldLock[] = [await lock('a', options)];
    const peer = startPeer('hold-then-ask.mjs', ['b', 'a', lockPath]);
    expect(await peer.line()).toBe('held b');
    const giveUp = new AbortController();
    const second = lock('b', { ...options, signal: giveUp.signal });
    expect(await peer.line()).toBe('waiting for a');
    await expect(withoutDeadlock(second, 50)).rejects.toThrow('deadlock');
    giveUp.abort(new Error('enough'));
    await expect(second).rejects.toThrow('enough');
    await held[0]?.release();
    expect(await peer.line()).toBe('held a');
  });
});

/** Rejects when it is not settled within `ms`, far more than any of this takes. */
async function withoutDeadlock<T>(work: Promise<T>, ms = 10_000): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const guard = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('deadlock')), ms);
  });
  try {
    return await Promise.race([work, guard]);
  } finally {
    clearTimeout(timer);
  }
}
