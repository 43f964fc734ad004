import { type LockOptions, lock } from '@oslo-concurrency/lockutils';
import { describe, expect, it } from 'vitest';
import { lockDirectory } from '../support/lock-directory.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe.each([['internal'], ['external']])('%s locks', (kind) => {
  const within = (path: string): LockOptions => (kind === 'external' ? { external: true, lockPath: path } : {});

  it('G12 taking a lock again inside its own body throws at once', async () => {
    using directory = lockDirectory();
    const options = within(directory.path);
    const nested = lock('a', options, () => lock('a', options, () => {}));
    await expect(nested).rejects.toMatchObject({ code: 'ERR_DEADLOCK', cycle: ['a', 'a'] });
  });

  it('G12 also deep inside, after awaits and through callbacks', async () => {
    using directory = lockDirectory();
    const options = within(directory.path);
    const deep = lock('a', options, async () => {
      await turn();
      await lock('b', options, async () => {
        await Promise.all([1, 2].map(async () => lock('a', options, () => {})));
      });
    });
    await expect(deep).rejects.toMatchObject({ code: 'ERR_DEADLOCK' });
  });

  it('G12 two bodies that take two locks in opposite order: one of them throws, with the cycle named', async () => {
    using directory = lockDirectory();
    const options = within(directory.path);
    const both = (first: string, second: string) =>
      lock(first, options, async () => {
        await turn();
        await lock(second, options, () => {});
      });
    const results = await Promise.allSettled([both('a', 'b'), both('b', 'a')]);
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatchObject({ code: 'ERR_DEADLOCK' });
    expect(new Set((failures[0] as { cycle: string[] }).cycle)).toEqual(new Set(['a', 'b']));
  });

  it('G12 siblings that queue for one lock inside a body are no deadlock', async () => {
    using directory = lockDirectory();
    const options = within(directory.path);
    const done: number[] = [];
    await lock('a', options, () =>
      Promise.all([1, 2, 3].map((n) => lock('b', options, async () => void done.push(n)))),
    );
    expect(done).toEqual([1, 2, 3]);
  });

  it('G12 what a body started and left behind may take its lock when the body is over', async () => {
    using directory = lockDirectory();
    const options = within(directory.path);
    let later: Promise<string> | undefined;
    await lock('a', options, async () => {
      later = turn()
        .then(() => turn())
        .then(() => lock('a', options, () => 'later'));
    });
    expect(await later).toBe('later');
  });

  it('G12 a timer set inside a body may wait for the body to end', async () => {
    using directory = lockDirectory();
    const options = within(directory.path);
    let later: Promise<string> | undefined;
    await lock('a', options, async () => {
      const queued = new Promise<void>((resolve) => {
        setTimeout(() => {
          later = lock('a', { ...options, onWait: () => resolve() }, () => 'later');
        }, 1);
      });
      await queued;
    });
    expect(await later).toBe('later');
  });

  it('G12 with deadlock: off a call waits where that was asked for', async () => {
    using directory = lockDirectory();
    const options = within(directory.path);
    let later: Promise<string> | undefined;
    await lock('a', options, async () => {
      later = lock('a', { ...options, deadlock: 'off' }, () => 'later');
      await turn();
    });
    expect(await later).toBe('later');
  });
});

it('G12 nesting one name under two prefixes is found', async () => {
  using directory = lockDirectory();
  const options = { external: true, lockPath: directory.path };
  const nested = lock('x', { ...options, lockFilePrefix: 'a' }, () => lock('x', { ...options, lockFilePrefix: 'b' }));
  await expect(nested).rejects.toMatchObject({ code: 'ERR_DEADLOCK' });
});

it('G12 a reader that asks to write inside its own body is found', async () => {
  const nested = lock('x', { shared: true }, () => lock('x', () => {}));
  await expect(nested).rejects.toMatchObject({ code: 'ERR_DEADLOCK' });
});
