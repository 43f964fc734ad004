import { closeSync, existsSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type LockOptions, lock, lockSync } from '@oslo-concurrency/lockutils';
import { describe, expect, it } from 'vitest';
import { Contender } from '../support/contender.js';
import { contenderPool } from '../support/contender-pool.js';
import { lockDirectory } from '../support/lock-directory.js';

const { contender, all } = contenderPool(4);

// A waiter that looks by itself only after a minute is granted the lock only if it is woken for it: it gives up before.
const patient: LockOptions = { delay: 60_000, timeout: 30_000 };
const plainIn = (lockPath: string): LockOptions => ({ external: true, lockPath });

/** Lets a contender acquire the lock again and again until {@link stop}; its grants are counted. */
function churn(one: Contender, options: LockOptions, body = '() => {}'): Promise<void> {
  const code = `
    globalThis.on = true;
    globalThis.grants = 0;
    globalThis.churning = (async () => {
      while (globalThis.on) {
        await lock('x', ${JSON.stringify(options)}, ${body});
        globalThis.grants += 1;
        if (globalThis.grants % 100 === 0) await new Promise((resolve) => { setImmediate(resolve); });
      }
    })();`;
  return one.ask('run', { code });
}

const stop = (one: Contender): Promise<number> =>
  one.ask('run', { code: 'globalThis.on = false; await globalThis.churning; return globalThis.grants' });

describe('G27 the default mode', () => {
  it.each([
    ['the shortest time', '() => {}'],
    ['a moment', '() => { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2) }'],
  ])(
    'G27 wakes a waiter and lets it go first, however often a holder acquires the lock again for %s',
    async (_, body) => {
      using directory = lockDirectory();
      const options = plainIn(directory.path);
      await churn(contender(0), options, body);
      await churn(contender(1), { ...options, ...patient }, body);
      for (let round = 0; round < 20; round += 1) {
        await contender(2).acquire('x', { ...options, ...patient });
        await contender(2).release('x');
      }
      await Promise.all([stop(contender(0)), stop(contender(1))]);
    },
  );

  it('G27 lets a waiter pass one whose event loop is blocked', async () => {
    using directory = lockDirectory();
    const options = plainIn(directory.path);
    await using blocked = await Contender.start();
    const held = await lock('x', options);
    const waits = [await blocked.queue('x', options), await contender(1).queue('x', options)];
    using other = lockDirectory();
    const over = join(other.path, 'over');
    const block = blocked.ask('block', { until: over });
    // While this process holds the lock: the waiter that is to block must not be granted it before.
    await expect.poll(() => existsSync(`${over}-awaited`)).toBe(true);
    await churn(contender(0), options);
    await held.release();
    await waits[1]?.granted;
    await contender(1).release('x');
    // Later waiters too, and those that pass are not held up by its old wish.
    for (let round = 0; round < 5; round += 1) {
      await contender(2).acquire('x', options);
      await contender(2).release('x');
    }
    writeFileSync(over, '');
    await block;
    await waits[0]?.granted;
    await blocked.release('x');
    await stop(contender(0));
  });

  it.each(['SIGSTOP', 'SIGKILL'] as const)('G27 goes on at once after %s of the first waiter', async (signal) => {
    using directory = lockDirectory();
    const options = plainIn(directory.path);
    await using victim = await Contender.start();
    const held = await lock('x', options);
    await victim.queue('x', options);
    const behind = await contender(1).queue('x', options);
    if (signal === 'SIGSTOP') await victim.stop();
    else victim.process.kill(signal);
    await held.release();
    await behind.granted;
    await contender(1).release('x');
    await churn(contender(0), options);
    for (let round = 0; round < 5; round += 1) {
      await contender(1).acquire('x', { ...options, timeout: 5000 });
      await contender(1).release('x');
    }
    await stop(contender(0));
  });

  it('G27 refuses no call that must not wait while no process holds the lock, whoever is to have it next', async () => {
    using directory = lockDirectory();
    const options = plainIn(directory.path);
    await using next = await Contender.start();
    const held = await lock('x', options);
    await next.queue('x', { ...options, fair: true });
    await next.stop();
    await held.release();
    await (await lock('x', { ...options, blocking: false })).release();
    lockSync('x', { ...options, blocking: false }).release();
    await contender(0).acquire('x', { ...options, blocking: false });
    await contender(0).release('x');
  });

  it('G27 a waiter that gives up leaves no wish: the next call is granted the lock at once', async () => {
    using directory = lockDirectory();
    const options = plainIn(directory.path);
    await lock('x', options, () => {});
    const held = await lock('x', options);
    const quitter = await contender(0).queue('x', options);
    await contender(0).ask('abort', { key: 'x' });
    await expect(quitter.granted).rejects.toThrow();
    await held.release();
    let waited = false;
    const next = await lock('x', { ...options, onWait: () => (waited = true) });
    await next.release();
    expect(waited).toBe(false);
  });
});

describe('G28 wakes', () => {
  const loops = 'performance.nodeTiming.uvMetricsInfo.loopCount';

  it('G28 a write to the lock file wakes no waiter', async () => {
    using directory = lockDirectory();
    const options = { ...plainIn(directory.path), ...patient };
    await lock('x', options, () => {});
    const held = await lock('x', options);
    const waits = [await contender(0).queue('x', options), await contender(1).queue('x', options)];
    const count = (n: number): Promise<number> => contender(n).ask('run', { code: `return ${loops}` });
    const before = [await count(0), await count(1)];
    const file = openSync(join(directory.path, 'x'), 'r+');
    for (let write = 0; write < 300; write += 1) {
      writeSync(file, 'o', 0);
      // Written apart, or the kernel would report many writes as one.
      await new Promise((resolve) => setImmediate(resolve));
    }
    closeSync(file);
    const after = [await count(0), await count(1)];
    // The two questions are turns too.
    for (const n of [0, 1]) expect((after[n] as number) - (before[n] as number)).toBeLessThan(20);
    await held.release();
    for (const n of [0, 1]) {
      await waits[n]?.granted;
      await contender(n).release('x');
    }
  });

  it('G28 only the next waiter is woken: a grant costs the waiters together two turns of their event loops or so', async () => {
    using directory = lockDirectory();
    const options = { ...plainIn(directory.path), ...patient, fair: true };
    const code = `
      const before = ${loops};
      for (let n = 0; n < 100; n += 1) await lock('x', ${JSON.stringify(options)}, () => new Promise((resolve) => { setImmediate(resolve); }));
      return ${loops} - before;`;
    const turns = await Promise.all(all().map((one) => one.ask<number>('run', { code })));
    const grants = 100 * all().length;
    // Each body takes a turn itself, and its holder one to come back to the queue.
    expect(turns.reduce((a, b) => a + b, 0) / grants).toBeLessThan(4);
  });
});
