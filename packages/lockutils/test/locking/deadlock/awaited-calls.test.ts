import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type LockOptions, lock, ReaderWriterLock } from '@oslo-concurrency/lockutils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TurnQueue } from '../../../build/local/turn-queue.js';
import { type Body, currentBody, leaveBody, newBody, notePending, runBody } from '../../../build/local/wait-graph.js';
import { acquireAll } from '../../../dist/index.js';
import { lockDirectory } from '../../support/lock-directory.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves when it is called, as an `onWait` is. */
function signal<T = void>(): { promise: Promise<T>; send: (value: T) => void } {
  let send: (value: T) => void = () => {};
  const promise = new Promise<T>((resolve) => {
    send = resolve;
  });
  return { promise, send };
}

async function afterTurn(fn: () => Promise<unknown>): Promise<void> {
  await turn();
  await fn();
}

const deadlock = { code: 'ERR_DEADLOCK' };

describe.each([['internal'], ['external']])('%s locks', (kind) => {
  let directory: ReturnType<typeof lockDirectory>;
  let options: LockOptions;
  beforeEach(() => {
    directory = lockDirectory();
    options = kind === 'external' ? { external: true, lockPath: directory.path } : {};
  });
  afterEach(() => directory[Symbol.dispose]());

  const again = (): Promise<unknown> => lock('a', options, () => {});

  describe('G12 a body that awaits its own lock is found', () => {
    const awaiting: [how: string, body: () => unknown][] = [
      ['by returning the call', () => again()],
      ['by an await', async () => void (await again())],
      ['by an await after others', () => afterTurn(async () => void (await afterTurn(again)))],
      ['through functions that await', async () => void (await (async () => void (await (async () => again())()))())],
      ['by then, catch and finally', () => turn().then(again).finally(() => {})], // biome-ignore format: one line a row
      ['by Promise.all', () => Promise.all([turn(), (async () => again())()])],
      [
        'by Promise.allSettled',
        async () => {
          const [answer] = await Promise.allSettled([again()]);
          if (answer?.status === 'rejected') throw answer.reason;
        },
      ],
      [
        'through a timer that is waited for',
        () => new Promise((resolve, reject) => setTimeout(() => again().then(resolve, reject), 1)),
      ],
      [
        'through an async generator',
        async () => {
          async function* rows() {
            yield await again();
          }
          for await (const _ of rows());
        },
      ],
      ['in a handle', async () => void (await lock('a', options))],
      ['in acquireAll', () => acquireAll(['a', 'b'], options, () => {})],
      ['in acquireAll with a handle', async () => void (await acquireAll(['0', 'a'], options))],
      ['in the body of another lock', () => lock('b', options, () => afterTurn(again))],
      ['in the body of an acquireAll', () => acquireAll(['b', 'c'], options, () => afterTurn(again))],
      [
        'with warnAfter',
        () => lock('b', { ...options, warnAfter: 9000 }, () => lock('a', { ...options, warnAfter: 9000 }, () => {})),
      ],
      ['with a timeout', () => lock('a', { ...options, timeout: 60_000 }, () => {})],
      [
        'started first and awaited later',
        async () => {
          const asked = signal();
          const call = lock('a', { ...options, onWait: () => asked.send() }, () => {});
          await asked.promise;
          await pause(30);
          await call;
        },
      ],
    ];
    it.each(awaiting)('G12 %s', async (_how, body) => {
      await expect(lock('a', options, body)).rejects.toMatchObject(deadlock);
      await lock('a', { ...options, blocking: false }, () => {});
    });

    it('G12 by the body of an acquireAll, for each of its locks', async () => {
      for (const name of ['a', 'b', 'c']) {
        const nested = acquireAll(['a', 'b', 'c'], options, () => lock(name, options, () => {}));
        await expect(nested).rejects.toMatchObject(deadlock);
      }
    });

    it('G12 by two bodies of two acquireAll and a nested lock', async () => {
      const both = (names: string[], then: string) =>
        acquireAll(names, options, async () => {
          await turn();
          await lock(then, options, () => {});
        });
      const results = await Promise.allSettled([both(['a', 'b'], 'c'), both(['c', 'd'], 'b')]);
      expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    });
  });

  describe('G12 a call that the body does not await waits for the end of the body', () => {
    const later: [how: string, start: (asked: () => void) => Promise<unknown>][] = [
      ['left behind', (asked) => lock('a', { ...options, onWait: asked }, () => 'later')],
      [
        'left behind in a function that awaits it',
        (asked) =>
          (async () => {
            await turn();
            return await lock('a', { ...options, onWait: asked }, () => 'later');
          })(),
      ],
      ['left behind in an acquireAll', (asked) => acquireAll(['a', 'b'], { ...options, onWait: asked }, () => 'later')],
      [
        'in the code of a timer after its awaits',
        (asked) =>
          new Promise((resolve, reject) => {
            setTimeout(async () => {
              await turn();
              lock('a', { ...options, onWait: asked }, () => 'later').then(resolve, reject);
            }, 1);
          }),
      ],
      [
        'of a job loop that was started in the body',
        (asked) => {
          const done = signal<unknown>();
          const jobs = [turn(), turn()];
          void (async () => {
            for (const job of jobs) await job;
            done.send(await lock('a', { ...options, onWait: asked }, () => 'later'));
          })();
          return done.promise;
        },
      ],
      [
        'one of a Promise.any that another may fulfil',
        (asked) => {
          const call = lock('a', { ...options, onWait: asked }, () => 'later');
          call.catch(() => {});
          return call;
        },
      ],
    ];
    it.each(later)('G12 %s', async (_how, start) => {
      const asked = signal();
      let call: Promise<unknown> = Promise.resolve();
      await lock('a', options, async () => {
        call = start(() => asked.send());
        await asked.promise;
        // Longer than the first looks take.
        await pause(60);
      });
      expect(await call).toBe('later');
    });

    it('G12 left behind in the body of an acquireAll', async () => {
      const asked = signal();
      let call: Promise<unknown> = Promise.resolve();
      await acquireAll(['a', 'b'], options, async () => {
        call = lock('a', { ...options, onWait: () => asked.send() }, () => 'later');
        await asked.promise;
        await pause(60);
      });
      expect(await call).toBe('later');
    });

    it('G12 of a Promise.any that another one fulfils', async () => {
      const asked = signal();
      let call: Promise<unknown> = Promise.resolve();
      const won = await lock('a', options, async () => {
        call = lock('a', { ...options, onWait: () => asked.send() }, () => 'later');
        return await Promise.any([call, asked.promise.then(() => pause(60)).then(() => 'other')]);
      });
      expect([won, await call]).toEqual(['other', 'later']);
    });

    it('G12 of a stranger, to a server that was started in the body', async () => {
      const asked = signal();
      const started = signal<string>();
      const holding = lock('a', options, async () => {
        const server = createServer(async (_request, response) => {
          await turn();
          await lock('a', { ...options, onWait: () => asked.send() }, () => response.end('answer'));
          server.close();
        }).listen(0, '127.0.0.1');
        await once(server, 'listening');
        started.send(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
        await asked.promise;
        await pause(60);
      });
      const url = await started.promise;
      const answer = new Promise<string>((resolve) => {
        get(url, { agent: false }, (response) => response.on('data', (data) => resolve(String(data))));
      });
      expect(await answer).toBe('answer');
      await holding;
    });

    it('G12 of the next waiter of a pool that was made in the body', async () => {
      // One connection; who gives it back calls the next waiter.
      const made = signal<{ take(then: () => void): void; giveBack(): void }>();
      const asked = signal();
      const holding = lock('a', options, async () => {
        const waiters: (() => void)[] = [];
        let free = true;
        made.send({
          take(then) {
            if (free) then();
            else waiters.push(then);
            free = false;
          },
          giveBack() {
            const next = waiters.shift();
            if (next === undefined) free = true;
            else next();
          },
        });
        const pool = await made.promise;
        await new Promise<void>((resolve) => pool.take(resolve));
        await turn();
        await turn();
        pool.giveBack();
        await asked.promise;
        await pause(60);
      });
      const pool = await made.promise;
      const stranger = new Promise((resolve, reject) => {
        pool.take(() => {
          lock('a', { ...options, onWait: () => asked.send() }, () => 'mine').then(resolve, reject);
        });
      });
      expect(await stranger).toBe('mine');
      await holding;
    });

    it('G12 of another task that awaits what the body began', async () => {
      const asked = signal();
      const begun = signal<() => Promise<unknown>>();
      const holding = lock('a', options, async () => {
        const call = lock('a', { ...options, onWait: () => asked.send() }, () => 'later');
        begun.send(() => call);
        await asked.promise;
        await pause(60);
      });
      const other = lock('b', options, async () => await (await begun.promise)());
      expect(await other).toBe('later');
      await holding;
    });
  });

  describe('G12 with permits only those who would all have to leave are a deadlock', () => {
    const permits = 2;

    it('G12 a second permit is granted when another holder releases one', async () => {
      const other = await lock('a', { ...options, permits });
      const asked = signal();
      const nested = lock('a', { ...options, permits }, () =>
        lock('a', { ...options, permits, onWait: () => asked.send() }, () => 'second'),
      );
      await asked.promise;
      await pause(60);
      await other.release();
      expect(await nested).toBe('second');
    });

    it('G12 also when the other holder has a body that waits for something else', async () => {
      const [gate, asked] = [signal(), signal()];
      const other = lock('a', { ...options, permits }, () => gate.promise);
      const nested = lock('a', { ...options, permits }, () =>
        lock('a', { ...options, permits, onWait: () => asked.send() }, () => 'second'),
      );
      await asked.promise;
      await pause(60);
      gate.send();
      expect(await nested).toBe('second');
      await other;
    });

    it('G12 also when the body of the other holder waits for a lock that will be released', async () => {
      const [waits, asked] = [signal(), signal()];
      const held = await lock('c', options);
      const other = lock('a', { ...options, permits }, () =>
        lock('c', { ...options, onWait: () => waits.send() }, () => 'other'),
      );
      await waits.promise;
      const nested = lock('a', { ...options, permits }, () =>
        lock('a', { ...options, permits, onWait: () => asked.send() }, () => 'second'),
      );
      await asked.promise;
      await pause(60);
      await held.release();
      expect(await Promise.all([nested, other])).toEqual(['second', 'other']);
    });

    it('G12 when each holder asks for one more, the last of them is refused', async () => {
      const [first, second] = [signal(), signal()];
      const nested = (mine: { send: () => void }, theirs: Promise<void>) =>
        lock('a', { ...options, permits }, async () => {
          mine.send();
          await theirs;
          return await lock('a', { ...options, permits }, () => 'second');
        });
      const results = await Promise.allSettled([nested(first, second.promise), nested(second, first.promise)]);
      expect(results.filter(({ status }) => status === 'rejected')).toMatchObject([{ reason: deadlock }]);
      expect(results.filter(({ status }) => status === 'fulfilled')).toMatchObject([{ value: 'second' }]);
    });

    it('G12 one who takes all permits itself and asks for one more is refused', async () => {
      const nested = lock('a', { ...options, permits }, () =>
        lock('a', { ...options, permits }, () => lock('a', { ...options, permits }, () => {})),
      );
      await expect(nested).rejects.toMatchObject(deadlock);
    });

    it('G12 one who asks for the lock alone while it holds a permit is refused', async () => {
      const nested = lock('a', { ...options, permits }, () => lock('a', options, () => {}));
      await expect(nested).rejects.toMatchObject(deadlock);
    });

    it('G12 one who asks for a permit behind a waiter that waits for its own is refused', async () => {
      const [held, queued] = [signal(), signal()];
      const nested = lock('a', { ...options, permits }, async () => {
        held.send();
        await queued.promise;
        await lock('a', { ...options, permits }, () => {});
      });
      await held.promise;
      const alone = lock('a', { ...options, onWait: () => queued.send() }, () => 'alone');
      await expect(nested).rejects.toMatchObject(deadlock);
      expect(await alone).toBe('alone');
    });
  });

  it('G12 who waits behind does not count: the body of a waiter that came later is in nobody’s way', async () => {
    const holder = await lock('a', options);
    const [first, last] = [signal(), signal()];
    // The one that waits for `a` inside `b` stands before the one that holds `b` up.
    const inner = lock('b', options, () => lock('a', { ...options, onWait: () => first.send() }, () => 'inner'));
    await first.promise;
    const behind = lock('a', { ...options, onWait: () => last.send() }, () => lock('b', options, () => 'behind'));
    await last.promise;
    await holder.release();
    expect(await Promise.all([inner, behind])).toEqual(['inner', 'behind']);
  });

  it('G12 a bare handle is in nobody’s way for ever: anybody may release it', async () => {
    const asked = signal();
    const held = await lock('a', options);
    const nested = lock('b', options, () => lock('a', { ...options, onWait: () => asked.send() }, () => 'granted'));
    await asked.promise;
    await pause(60);
    await held.release();
    expect(await nested).toBe('granted');
  });

  it('G12 a body that released its lock by the handle is in nobody’s way', async () => {
    expect(
      await lock('a', options, async (held) => {
        await held.release();
        return await lock('a', options, () => 'again');
      }),
    ).toBe('again');
  });

  it('says that locks are not reentrant', async () => {
    const nested = lock('a', options, () => lock('a', options, () => {}));
    await expect(nested).rejects.toThrow(
      'Deadlock: the lock a is asked for inside the body that holds it; locks are not reentrant. Acquire it once, in the outermost function, or pass its handle on',
    );
  });

  it('says how a reader becomes a writer', async () => {
    const nested = lock('a', { ...options, shared: true }, () => lock('a', options, () => {}));
    await expect(nested).rejects.toThrow('as a reader; call upgrade() of its handle instead');
  });

  it('says of a longer cycle that locks are to be taken in one order', async () => {
    const both = (first: string, second: string) =>
      lock(first, options, () => afterTurn(() => lock(second, options, () => {})));
    const results = await Promise.allSettled([both('a', 'b'), both('b', 'a')]);
    const [failure] = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    expect((failure as Error).message).toMatch(/^Deadlock: (a -> b -> a|b -> a -> b); each waits for the next/);
  });
});

it('G12 writers of a ReaderWriterLock that pass a waiting reader are in its way', async () => {
  const readers = new ReaderWriterLock('q');
  const nested = readers.readLock(() => readers.writeLock(() => {}));
  await expect(nested).rejects.toMatchObject(deadlock);
});

it('a body is not around what its caller does next, whether it has ended, continues, or has thrown', async () => {
  const outer = newBody('outer', undefined);
  const inner = (name: string) => newBody(name, outer);
  const own = new AsyncLocalStorage<string>();
  const seen = runBody(
    outer,
    async () => {
      const ended = inner('ended');
      expect(own.run('mine', () => [runBody(ended, currentBody, undefined), own.getStore()])).toEqual([ended, 'mine']);
      runBody(ended, () => 'value', undefined);
      ended.running = false;
      expect(currentBody()).toBe(outer);
      const continues = inner('continues');
      const later = runBody(continues, () => Promise.resolve().then(currentBody), undefined);
      expect(currentBody()).toBe(outer);
      expect(await later).toBe(continues);
      const throws = (): never => {
        throw new Error('bug');
      };
      expect(() => runBody(inner('throws'), throws, undefined)).toThrow('bug');
      expect(currentBody()).toBe(outer);
      const slow = inner('slow to release');
      runBody(slow, () => 'value', undefined);
      leaveBody(slow);
      return currentBody();
    },
    undefined,
  );
  expect(await seen).toBe(outer);
});

it('a body without a promise is not around what its caller does while the lock is released', async () => {
  using directory = lockDirectory();
  let released = (): void => {};
  const release = () =>
    new Promise<void>((resolve) => {
      released = resolve;
    });
  const driver = { name: 'slow', tryAcquire: () => ({ previousOwnerDied: false, release }), holders: () => [] };
  const held = lock('x', { external: true, lockPath: directory.path, driver }, currentBody);
  expect(currentBody()).toBeUndefined();
  released();
  expect(await held).toMatchObject({ name: 'x', running: false });
});

it('a body that is over is forgotten by what it left behind, so that a chain of such grows nowhere', () => {
  const outer = newBody('outer', undefined);
  const inner = newBody('inner', outer);
  const current = () => runBody(inner, currentBody, undefined);
  expect(current()).toBe(inner);
  inner.running = false;
  expect(current()).toBe(outer);
  outer.running = false;
  expect(current()).toBeUndefined();
});

it('a wait that is over is on no body any more, at any depth', () => {
  const outer = newBody('outer', undefined);
  const inner = newBody('inner', outer);
  const queue = new TurnQueue();
  const turn = queue.join({ shared: false, permits: undefined }, undefined, () => {});
  const wait = { name: 'x', queue, turn, awaitedBy: new Set<Body>(), ask: () => {} };
  const forget = notePending(wait, inner);
  expect([inner.pending, outer.pending]).toEqual([new Set([wait]), new Set([wait])]);
  forget();
  expect([inner.pending?.size, outer.pending?.size]).toEqual([0, 0]);
});

describe('one name with two lock files', () => {
  const path = (directory: { path: string }, name = 'q') => `${directory.path}/${name}`;

  it('names the file that the body holds, and says that a name is one lock within a process', async () => {
    using one = lockDirectory();
    using two = lockDirectory();
    const nested = lock('q', { external: true, lockPath: one.path }, () =>
      lock('q', { external: true, lockPath: two.path }, () => {}),
    );
    await expect(nested).rejects.toThrow(
      `Deadlock: the lock q is asked for inside the body that holds it as ${path(one)}; within a process a name is one lock, whatever its lock path and prefix, as in oslo.concurrency. Use two different names`,
    );
  });

  it('a timeout and blocking: false name this process as the holder', async () => {
    using one = lockDirectory();
    using two = lockDirectory();
    await using _ = await lock('q', { external: true, lockPath: one.path });
    const other: LockOptions = { external: true, lockPath: two.path };
    for (const prefix of [{}, { lockFilePrefix: 'p', lockPath: one.path }]) {
      const held = { holders: [{ pid: process.pid }], message: expect.stringContaining(`held by pid ${process.pid}`) };
      await expect(lock('q', { ...other, ...prefix, timeout: 5 })).rejects.toMatchObject({
        code: 'ERR_LOCK_TIMEOUT',
        ...held,
      });
      await expect(lock('q', { ...other, ...prefix, blocking: false })).rejects.toMatchObject({
        code: 'ERR_LOCK_NOT_ACQUIRED',
        ...held,
      });
      const onWait = vi.fn(async ({ holders }) => expect(await holders()).toMatchObject(held.holders));
      await expect(lock('q', { ...other, ...prefix, timeout: 5, onWait })).rejects.toThrow();
      await onWait.mock.results[0]?.value;
    }
  });
});
