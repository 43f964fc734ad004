import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { DeadlockError } from '@oslo-concurrency/lockutils';
import { describe, expect, it } from 'vitest';
import { newBody } from '../../../build/local/wait-graph.js';
import { DeadlockWatch } from '../../../build/locking/deadlock/deadlock-watch.js';
import { findProcessCycle, victimOf } from '../../../build/locking/deadlock/process-cycle.js';
import {
  type LockUse,
  newWait,
  publishWait,
  readWaits,
  type WaitRecord,
  withdrawWait,
} from '../../../build/locking/deadlock/wait-record.js';
import { contenderPool } from '../../support/contender-pool.js';
import { lockDirectory } from '../../support/lock-directory.js';

const pool = contenderPool(3);

/** A use of the lock `name`: `r:name` shares it. */
function use(directory: string, name: string): LockUse {
  return { path: join(directory, name.replace('r:', '')), shared: name.startsWith('r:') };
}

function published(directory: string, holds: readonly string[], wants: string, since = 0): WaitRecord {
  const uses = holds.map((name) => use(directory, name));
  const wait = newWait({ name: wants, wants: use(directory, wants), holds: uses, since });
  publishWait(wait);
  return wait;
}

/** The names on the cycle through the first of these waits, each `holds -> wants`. */
function cycleOf(...waits: string[]): string[] | undefined {
  using directory = lockDirectory();
  const [own] = waits.map((text) => {
    const [holds = '', wants = ''] = text.split(' -> ');
    return published(directory.path, holds.split(' '), wants);
  });
  const cycle = findProcessCycle(own as WaitRecord, Date.now());
  return cycle?.map(({ name }) => name);
}

describe('G12 a cycle of published waits', () => {
  it.each([
    ['of two', ['a -> b', 'b -> a'], ['b', 'a']],
    ['of three, whatever else is held', ['a x -> b', 'b y -> c', 'z c -> a'], ['b', 'c', 'a']],
    ['of a reader and writers', ['r:a -> b', 'b -> a'], ['b', 'a']],
    ['of a writer and a reader', ['a -> b', 'b -> r:a'], ['b', 'r:a']],
    ['found past a way that leads nowhere', ['a -> b', 'b -> x', 'b -> c', 'c -> a'], ['b', 'c', 'a']],
  ])('%s is found', (_title, waits, names) => {
    expect(cycleOf(...waits)).toEqual(names);
  });

  it.each([
    ['two readers of one lock do not block each other', ['r:a -> b', 'b -> r:a']],
    ['who only waits for the same lock, behind, holds nothing up', ['a -> b', 'x -> b', 'y -> a']],
    ['a chain has no end that leads back', ['a -> b', 'b -> c', 'c -> d']],
    ['a cycle of others is not ours', ['a -> b', 'b -> c', 'c -> b']],
    ['a wait for what it holds itself is for others to judge', ['a -> b', 'a -> c']],
  ])('is none: %s', (_title, waits) => {
    expect(cycleOf(...waits)).toBeUndefined();
  });

  it('the one that began to wait last gives way, whoever looks; of two at once the one with the greater id', () => {
    using directory = lockDirectory();
    const [early, late] = [published(directory.path, ['a'], 'b', 1), published(directory.path, ['b'], 'a', 2)];
    expect([victimOf([early, late]), victimOf([late, early])]).toEqual([late, late]);
    const same = { ...early, since: 2, id: `${late.id}0` };
    expect([victimOf([same, late]), victimOf([late, same])]).toEqual([same, same]);
  });
});

describe('G12 a look for a cycle', () => {
  /** A wait for `b` by a body that holds `a`, and a clock that is moved by hand. */
  function watched(directory: string): { tick(): void; found: DeadlockError[]; watch: DeadlockWatch } {
    const timers: (() => void)[] = [];
    const clock = {
      now: () => 0,
      schedule: (_delay: number, action: () => void) => {
        timers.push(action);
        return () => {};
      },
    };
    const found: DeadlockError[] = [];
    const inside = newBody('a', undefined, true);
    inside.holds = use(directory, 'a');
    const watch = new DeadlockWatch(
      { name: 'b', wants: use(directory, 'b'), inside, clock },
      { wake: () => watch.look(), found: (error: DeadlockError) => found.push(error) },
    );
    return { tick: () => timers.shift()?.(), found, watch };
  }

  it('is believed when two looks in a row saw the same waits, and not at the first', () => {
    using directory = lockDirectory();
    published(directory.path, ['b'], 'a');
    const { tick, found, watch } = watched(directory.path);
    tick();
    expect(found).toEqual([]);
    tick();
    expect(found).toMatchObject([{ cycle: ['b', 'a', 'b'], pids: [process.pid, process.pid] }]);
    watch.close();
    expect(readWaits(directory.path, Date.now())).toHaveLength(1);
  });

  it('is not believed when the second look sees another wait in the place of the first', () => {
    using directory = lockDirectory();
    const { tick, found, watch } = watched(directory.path);
    for (let round = 0; round < 4; round += 1) {
      const theirs = published(directory.path, ['b'], 'a');
      tick();
      withdrawWait(theirs);
    }
    expect(found).toEqual([]);
    watch.close();
  });

  it('leaves it to the one that came last to give way', () => {
    using directory = lockDirectory();
    published(directory.path, ['b'], 'a', Number.MAX_SAFE_INTEGER);
    const { tick, found, watch } = watched(directory.path);
    for (let round = 0; round < 4; round += 1) tick();
    expect(found).toEqual([]);
    watch.close();
  });

  it('says of a wait only what those hold that certainly await it, and withdraws what it said at the end', () => {
    using directory = lockDirectory();
    const { tick, watch } = watched(directory.path);
    expect(readWaits(directory.path, Date.now())).toEqual([]);
    tick();
    expect(readWaits(directory.path, Date.now())).toMatchObject([{ name: 'b', holds: [use(directory.path, 'a')] }]);
    watch.close();
    expect(readWaits(directory.path, Date.now())).toEqual([]);
  });
});

/** Holds `first` by a body, and asks for `second` in it when `globalThis.go` is called. */
const nested = (options: object, first: string, second: string, how = 'await'): string => `
  const options = ${JSON.stringify(options)};
  const [one, two] = ${JSON.stringify([first, second])};
  await new Promise((held) => {
    globalThis.done = lock(one, options, async () => {
      const gone = new Promise((resolve) => { globalThis.go = resolve; });
      const over = new Promise((resolve) => { globalThis.end = resolve; });
      held();
      await gone;
      globalThis.asked = ${how === 'await' ? 'undefined' : 'lock(two, options, () => {})'};
      ${how === 'await' ? 'await lock(two, options, () => {});' : 'await over;'}
    }).then(() => 'done', (error) => error.code);
  });`;

describe.each(['kernel', 'lockfile'])('G12 between processes, driver %s', (driver) => {
  it('G12 exactly one of a cycle gives way, the one that came last, and all others go on', async () => {
    using directory = lockDirectory();
    const options = { external: true, driver, lockPath: directory.path };
    const names = ['a', 'b', 'c'];
    for (const [n, contender] of pool.all().entries()) {
      await contender.ask('run', { code: nested(options, names[n] as string, names[(n + 1) % 3] as string) });
    }
    const waiting = (): number => readWaits(directory.path, Date.now()).length;
    for (const [n, contender] of pool.all().entries()) {
      await contender.ask('run', { code: 'globalThis.go()' });
      if (n < 2) await expect.poll(waiting).toBe(n + 1);
    }
    const ends = await Promise.all(
      pool.all().map((contender) => contender.ask('run', { code: 'return globalThis.done' })),
    );
    expect(ends).toEqual(['done', 'done', 'ERR_DEADLOCK']);
  });

  it('G12 a wait with a timeout ends by itself, and is on no cycle', async () => {
    using directory = lockDirectory();
    const options = { external: true, driver, lockPath: directory.path };
    const [first, second] = pool.all();
    await first?.ask('run', { code: nested({ ...options, timeout: 1500 }, 'a', 'b') });
    await second?.ask('run', { code: nested(options, 'b', 'a') });
    for (const contender of [first, second]) await contender?.ask('run', { code: 'globalThis.go()' });
    const ends = [first, second].map((contender) => contender?.ask('run', { code: 'return globalThis.done' }));
    expect(await Promise.all(ends)).toEqual(['ERR_LOCK_TIMEOUT', 'done']);
  });

  it('G12 a call that one of the bodies does not await closes no cycle', async () => {
    using directory = lockDirectory();
    const options = { external: true, driver, lockPath: directory.path };
    const [first, second] = pool.all();
    await first?.ask('run', { code: nested(options, 'a', 'b', 'leave behind') });
    await second?.ask('run', { code: nested(options, 'b', 'a') });
    const waiting = (): string[] => readWaits(directory.path, Date.now()).map(({ name }) => name);
    await first?.ask('run', { code: 'globalThis.go()' });
    await second?.ask('run', { code: 'globalThis.go()' });
    await expect.poll(waiting).toEqual(['a']);
    // Three looks more: at each, the waiter writes its record anew.
    const [record] = readWaits(directory.path, Date.now());
    const written = (): number => statSync(join(directory.path, '.oslo-concurrency/waits', record?.id ?? '')).mtimeMs;
    for (let look = 0, before = written(); look < 3; look += 1, before = written()) {
      await expect.poll(written).toBeGreaterThan(before);
    }
    expect(waiting()).toEqual(['a']);
    await first?.ask('run', { code: 'globalThis.end()' });
    const ends = [first, second].map((contender) => contender?.ask('run', { code: 'return globalThis.done' }));
    expect(await Promise.all(ends)).toEqual(['done', 'done']);
    await first?.ask('run', { code: 'await globalThis.asked' });
  });
});
