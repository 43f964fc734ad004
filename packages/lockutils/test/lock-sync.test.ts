import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { configure } from '@oslo-concurrency/core';
import { describe, expect, test } from 'vitest';
import { kernelDriver } from '../dist/drivers.js';
import { type LockDriver, lock, lockSync } from '../dist/index.js';
import { lockDirectory } from './fixtures/lock-directory.js';
import { hasOslo, type Peer, startPeer } from './fixtures/peer.js';
import { releaseFailsOnce } from './fixtures/release-fails-once.js';
import { runFixture } from './support/run-fixture.js';

const refused = expect.objectContaining({ code: 'ERR_LOCK_HELD_BY_THIS_THREAD' });
const notFree = expect.objectContaining({ code: 'ERR_LOCK_NOT_ACQUIRED' });

/** A process that takes the lock with lockSync and is past its first line. */
async function asking(name: string, options: object): Promise<Peer> {
  const peer = startPeer('hold-sync.mjs', [name, JSON.stringify(options)]);
  expect(await peer.line()).toBe('asking');
  return peer;
}

describe('lockSync', () => {
  test('holds between processes around a function, and returns its value', async () => {
    const lockPath = lockDirectory();
    const value = lockSync('x', { lockPath }, (held) => {
      expect([held.name, held.external, held.mode, held.released]).toEqual(['x', true, 'exclusive', false]);
      return held.lockFile;
    });
    expect(value).toBe(join(lockPath, 'x'));
    await lock('x', { lockPath, external: true, blocking: false }, () => {});
  });

  test('without a function returns a handle for release() and using, to be released once', async () => {
    const lockPath = lockDirectory();
    {
      using held = lockSync('x', { lockPath });
      await expect(lock('x', { blocking: false })).rejects.toEqual(notFree);
      expect(held.waitedMs).toBeGreaterThanOrEqual(0);
    }
    const held = lockSync('x', { lockPath });
    held.release();
    held.release();
    expect(held.released).toBe(true);
  });

  test('with external: false, or disableProcessLocking, touches no file', () => {
    const lockPath = lockDirectory();
    lockSync('x', { lockPath, external: false }, () => {});
    using _ = configure({ disableProcessLocking: true });
    lockSync('x', { lockPath }, (held) => expect(held.external).toBe(false));
    expect(existsSync(join(lockPath, 'x'))).toBe(false);
  });

  test('G14 a throw releases and is passed on', () => {
    const lockPath = lockDirectory();
    const failure = new Error('the body failed');
    const fail = () =>
      lockSync('x', { lockPath }, () => {
        throw failure;
      });
    expect(fail).toThrow(failure);
    lockSync('x', { lockPath, blocking: false }, () => {});
  });

  test('a function that is not through when it returns is an error; the lock is released', async () => {
    const lockPath = lockDirectory();
    expect(() => lockSync('x', { lockPath }, async () => {})).toThrow('fn must be synchronous');
    await lock('x', { lockPath, external: true, blocking: false }, () => {});
  });

  test('wrong options are refused before anything is opened', () => {
    const lockPath = lockDirectory();
    const signal = new AbortController().signal;
    expect(() => lockSync('x', { lockPath, signal } as object)).toThrow('signal must be absent');
    expect(() => lockSync('x', { lockPath, warnAfter: 5 } as object)).toThrow('warnAfter must be absent');
    expect(() => lockSync('x', null as never)).toThrow('options must be');
    expect(() => lockSync('x', { lockPath }, 'fn' as never)).toThrow('fn must be a function');
    expect(() => lockSync('', { lockPath })).toThrow('must not be empty');
    expect(existsSync(join(lockPath, 'x'))).toBe(false);
  });

  describe('G9 waits for another process', () => {
    test('until it releases; the holder may be asynchronous', async () => {
      const lockPath = lockDirectory();
      const held = await lock('x', { lockPath, external: true });
      const peer = await asking('x', { lockPath });
      expect(await peer.line()).toBe('waiting');
      await held.release();
      expect(await peer.line()).toBe('held exclusive false');
      const next = lock('x', { lockPath, external: true });
      peer.tell('go on');
      await (await next).release();
    });

    test.skipIf(!hasOslo)('also one in Python', async () => {
      const lockPath = lockDirectory();
      const python = startPeer('hold-file.py', ['lock', join(lockPath, 'x')]);
      expect(await python.line()).toBe('held');
      expect(() => lockSync('x', { lockPath, blocking: false })).toThrow(notFree);
      const peer = await asking('x', { lockPath });
      expect(await peer.line()).toBe('waiting');
      python.tell('go on');
      expect(await peer.line()).toBe('held exclusive false');
    });

    test('G1 G19 and takes over from one that is killed, and is told', async () => {
      const lockPath = lockDirectory();
      const killed = await asking('x', { lockPath });
      expect(await killed.line()).toBe('held exclusive false');
      const peer = await asking('x', { lockPath });
      expect(await peer.line()).toBe('waiting');
      killed.child.kill('SIGKILL');
      expect(await peer.line()).toBe('held exclusive true');
    });

    test('G18 for timeout ms, then names the holder', async () => {
      const lockPath = lockDirectory();
      const holder = await asking('x', { lockPath });
      expect(await holder.line()).toBe('held exclusive false');
      const before = performance.now();
      expect(() => lockSync('x', { lockPath, timeout: 30 })).toThrow(
        expect.objectContaining({
          code: 'ERR_LOCK_TIMEOUT',
          holders: [expect.objectContaining({ pid: holder.child.pid })],
        }),
      );
      expect(performance.now() - before).toBeGreaterThanOrEqual(30);
      expect(() => lockSync('x', { lockPath, fair: true, timeout: 0 })).toThrow('Timed out after 0 ms');
      holder.tell('go on');
      expect(await holder.line()).toBe('released');
      lockSync('x', { lockPath, blocking: false, fair: true }, () => {});
    });

    test('G7 until its deadline by the clock given, however long the interval of its poll', async () => {
      const lockPath = lockDirectory();
      const holder = await asking('x', { lockPath });
      expect(await holder.line()).toBe('held exclusive false');
      let now = 0;
      let tries = 0;
      const real = kernelDriver();
      const driver: LockDriver = {
        ...real,
        tryAcquire(request) {
          tries += 1;
          return real.tryAcquire(request);
        },
      };
      const clock = {
        now: () => {
          now += 10;
          return now;
        },
        schedule: () => () => {},
      };
      // The wait began at 10. At 20 and at 30 some time is left, so it pauses and tries again; at 40 none is.
      expect(() => lockSync('x', { lockPath, driver, clock, timeout: 25 })).toThrow('Timed out after 25 ms');
      expect([now, tries]).toEqual([40, 5]);
      const before = performance.now();
      expect(() => lockSync('x', { lockPath, timeout: 30, delay: 60_000 })).toThrow('Timed out after 30 ms');
      expect(performance.now() - before).toBeGreaterThanOrEqual(30);
      expect(performance.now() - before).toBeLessThan(5000);
      expect(() => lockSync('x', { lockPath, timeout: 0 })).toThrow('Timed out after 0 ms');
    });

    test('G10 in one line with asynchronous waiters, in order of arrival', async () => {
      const lockPath = lockDirectory();
      const held = await lock('x', { lockPath, external: true, fair: true });
      const peers: Peer[] = [];
      for (let i = 0; i < 3; i += 1) {
        const peer = await asking('x', { lockPath, fair: true });
        expect(await peer.line()).toBe('waiting');
        peers.push(peer);
      }
      const last = lock('x', { lockPath, external: true, fair: true });
      await held.release();
      for (const peer of peers) {
        expect(await peer.line()).toBe('held exclusive false');
        // Whoever comes now is behind all of them.
        await expect(lock('x', { lockPath, external: true, fair: true, blocking: false })).rejects.toEqual(notFree);
        peer.tell('go on');
      }
      await (await last).release();
    });

    test('G11 shared with shared, alone otherwise; permits up to their number', async () => {
      const lockPath = lockDirectory();
      const reader = await asking('r', { lockPath, shared: true });
      expect(await reader.line()).toBe('held shared false');
      lockSync('r', { lockPath, shared: true, blocking: false }, () => {});
      expect(() => lockSync('r', { lockPath, blocking: false })).toThrow(notFree);
      const counted: Peer[] = [];
      // One after the other: of two that come at once, one waits while the other passes through the line.
      for (const _ of [1, 2]) {
        const peer = await asking('p', { lockPath, permits: 2 });
        expect(await peer.line()).toBe('held exclusive false');
        counted.push(peer);
      }
      expect(() => lockSync('p', { lockPath, permits: 2, blocking: false })).toThrow(notFree);
      counted[0]?.tell('go on');
      lockSync('p', { lockPath, permits: 2, timeout: 10_000 }, () => {});
    });
  });

  test('G9 waits in a worker thread for the main one', async () => {
    const lockPath = lockDirectory();
    const held = await lock('x', { lockPath, external: true });
    const program = new URL('fixtures/lock-sync-in-worker.mjs', import.meta.url);
    const worker = new Worker(program, { workerData: { name: 'x', options: { lockPath } } });
    // Asked for now: a worker's last message and its end can come in one turn of the loop.
    const exited = once(worker, 'exit');
    expect(await once(worker, 'message')).toEqual(['waiting']);
    await held.release();
    expect(await once(worker, 'message')).toEqual(['held']);
    expect(await exited).toEqual([0]);
  });

  describe('refuses at once to wait for this very thread', () => {
    // With a timeout, so that what is not refused fails instead of stopping the test for ever.
    const timeout = 5000;

    test('that holds the name or the file, by lockSync or lock', async () => {
      const lockPath = lockDirectory();
      lockSync('x', { lockPath }, () => expect(() => lockSync('x', { lockPath, timeout })).toThrow(refused));
      const internal = await lock('x');
      expect(() => lockSync('x', { lockPath, timeout })).toThrow(refused);
      await internal.release();
      const file = await lock('a/b', { lockPath, external: true });
      expect(() => lockSync('a_b', { lockPath, timeout })).toThrow(refused);
      expect(() => lockSync('a_b', { lockPath, shared: true, timeout })).toThrow(refused);
      expect(() => lockSync('a_b', { lockPath, blocking: false })).toThrow(notFree);
      await file.release();
      lockSync('a_b', { lockPath }, () => {});
    });

    test.each([{}, { shared: true }, { permits: 2 }])('that waits for it with %j before it', async (options) => {
      const lockPath = lockDirectory();
      const holder = await asking('x', { lockPath });
      expect(await holder.line()).toBe('held exclusive false');
      const waiting = lock('x', { lockPath, external: true, ...options });
      expect(() => lockSync('x', { lockPath, ...options, timeout })).toThrow(refused);
      holder.tell('go on');
      await (await waiting).release();
      lockSync('x', { lockPath, ...options }, () => {});
    });

    test('that shares it, when a writer of another process stands between', async () => {
      const lockPath = lockDirectory();
      const reader = await lock('x', { lockPath, external: true, shared: true });
      lockSync('x', { lockPath, shared: true }, () => {});
      const writer = await asking('x', { lockPath, fair: true });
      expect(await writer.line()).toBe('waiting');
      expect(() => lockSync('x', { lockPath, shared: true, timeout })).toThrow(refused);
      await reader.release();
      expect(await writer.line()).toBe('held exclusive false');
    });
  });

  test('G21 works on the lockfile driver, asked for or configured', async () => {
    const lockPath = lockDirectory();
    lockSync('x', { lockPath, driver: 'lockfile' }, () => {
      expect(() => lockSync('y', { lockPath })).toThrow(expect.objectContaining({ code: 'ERR_LOCK_DRIVER_MISMATCH' }));
    });
    using _ = configure({ lockDriver: 'lockfile' });
    lockSync('x', { lockPath }, () => {});
    for (const mode of [{ shared: true }, { permits: 2 }]) {
      lockSync('x', { lockPath, ...mode }, () => {
        lockSync('x', { lockPath, ...mode, blocking: false }, () => {});
        expect(() => lockSync('x', { lockPath, blocking: false })).toThrow();
      });
    }
    await lock('x', { lockPath, external: true }, () => {});
  });

  test('a driver that answers with promises is refused, and what it grants late is given back', async () => {
    const lockPath = lockDirectory();
    const driver = kernelDriver();
    const slow = { ...driver, tryAcquire: async (request: never) => driver.tryAcquire(request) };
    expect(() => lockSync('x', { lockPath, driver: slow })).toThrow(
      expect.objectContaining({ code: 'ERR_LOCK_UNSUPPORTED' }),
    );
    await new Promise(setImmediate);
    lockSync('x', { lockPath, blocking: false }, () => {});
  });

  test('works, as lock does, where Node cannot load ES modules by require', async () => {
    const execArgv = ['--no-experimental-require-module'];
    const { stdout, stderr } = await runFixture('lock-and-lock-sync.mjs', lockDirectory(), { execArgv });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({ lock: 'held', lockSync: 'held' });
  });

  describe('G14 when the system fails to release', () => {
    test('it is said, the lock counts as held, and release may be called again', async () => {
      const lockPath = lockDirectory();
      const held = lockSync('x', { lockPath, driver: releaseFailsOnce() });
      expect(() => held.release()).toThrow(expect.objectContaining({ code: 'ERR_LOCK_RELEASE' }));
      expect(held.released).toBe(false);
      expect(() => lockSync('x', { lockPath })).toThrow(refused);
      held.release();
      const again = await lock('x', { lockPath, external: true, driver: releaseFailsOnce() });
      await expect(again.release()).rejects.toMatchObject({ code: 'ERR_LOCK_RELEASE' });
      await again.release();
      lockSync('x', { lockPath, blocking: false }, () => {});
    });

    test('the body’s error is what is thrown', () => {
      const failure = new Error('the body failed');
      const fail = () =>
        lockSync('y', { lockPath: lockDirectory(), driver: releaseFailsOnce() }, () => {
          throw failure;
        });
      expect(fail).toThrow(failure);
    });
  });
});
