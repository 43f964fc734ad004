// The texts that oncePer keeps on shared files.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { lockfileLeaseDriver } from '../../../../dist/drivers.js';
import { type HeldLease, type LeaseDriver, type LeaseRecord, lease, oncePer } from '../../../../dist/index.js';
import { LeaseContender } from '../../../support/lockfile/lease-contender.js';
import { endChildren } from '../../../support/lockfile/obedient-child.js';
import {
  localDirectory,
  type SharedDirectory,
  sshfsDirectory,
  sshfsMissing,
} from '../../../support/lockfile/shared-directory.js';
import { watchStalls } from '../../../support/stalls.js';

const noSshfs = process.platform === 'linux' ? sshfsMissing() : 'is tested on Linux';
const longTtl = 60_000;
const keep = 60_000;
const { signal } = new AbortController();
const textOf = (held: HeldLease): LeaseRecord => held.grant.record as LeaseRecord;
let names = 0;
function newName(): string {
  names += 1;
  return `text-${names}`;
}

const places: [string, () => SharedDirectory, string | undefined][] = [
  ['a local directory', localDirectory, undefined],
  ['sshfs, with a mount for each machine', sshfsDirectory, noSshfs],
];

describe.each(places)('the text of a lease on %s', (title, make, missing) => {
  describe.skipIf(missing !== undefined)(missing ?? title, () => {
    let shared: SharedDirectory;
    let here: LeaseDriver;
    let there: LeaseDriver;
    beforeAll(() => {
      shared = make();
      here = lockfileLeaseDriver({ lockPath: shared.views[0], hostId: 'here' });
      there = lockfileLeaseDriver({ lockPath: shared.views[1], hostId: 'there' });
    });
    afterAll(() => shared?.close());
    // A mount shows a listing that it has read some seconds ago.
    const isLocal = make === localDirectory;
    const texts = (): string[] => readdirSync(join(shared.views[0], '.oslo-concurrency', 'lease', 'text'));

    test('is read by the next holder on another machine; a holder whose lease is gone writes none', async () => {
      const name = newName();
      const held = await lease(name, { driver: here, ttl: longTtl });
      expect(await textOf(held).read(signal)).toBeUndefined();
      expect(await textOf(held).write('first', keep, signal)).toBe(true);
      expect(await textOf(held).read(signal)).toBe('first');
      expect(await textOf(held).write('second', keep, signal)).toBe(true);
      await held.renew();
      expect(await textOf(held).read(signal)).toBe('second');
      const { grant } = held;
      await held.release();
      expect(await (grant.record as LeaseRecord).write('late', keep, signal)).toBe(false);
      const next = await lease(name, { driver: there, ttl: longTtl });
      expect(await textOf(next).read(signal)).toBe('second');
      expect(await (grant.record as LeaseRecord).write('later', keep, signal)).toBe(false);
      expect(await textOf(next).write('third', keep, signal)).toBe(true);
      await next.release();
      await lease(name, { driver: here, ttl: longTtl }, async (last) => {
        expect(await textOf(last).read(signal)).toBe('third');
      });
      // Nothing but the last text is left.
      if (isLocal) expect(texts()).toHaveLength(1);
    });

    test('is forgotten after keep, and removed by a later write', async () => {
      const name = newName();
      await lease(name, { driver: here, ttl: longTtl }, (held) => textOf(held).write('short', 1000, signal));
      const [id] = texts().filter((text) => text.startsWith('1000~'));
      // The clock of the file system may have whole seconds only.
      await sleep(2000);
      await lease(name, { driver: there, ttl: longTtl }, async (held) => {
        expect(await textOf(held).read(signal)).toBeUndefined();
      });
      await lease(newName(), { driver: there, ttl: longTtl }, (held) => textOf(held).write('other', keep, signal));
      if (isLocal) expect(texts()).not.toContain(id);
    });

    test('G31 of six calls for one tick on two machines, one runs, and the others learn how it ended', async () => {
      const tick = newName();
      let runs = 0;
      const results = await Promise.all(
        [here, there, here, there, here, there].map((driver) =>
          oncePer('job', tick, { driver, ttl: longTtl, afterCrash: 'again' }, () => ++runs),
        ),
      );
      expect(runs).toBe(1);
      expect(results.filter(({ ran }) => ran)).toHaveLength(1);
      for (const { record } of results) expect(record).toMatchObject({ outcome: 'done', by: { pid: process.pid } });
    });
  });
});

describe('a write of the text that fails before any of its file system calls', () => {
  let shared: SharedDirectory;
  let driver: LeaseDriver;
  beforeAll(() => {
    shared = localDirectory();
    driver = lockfileLeaseDriver({ lockPath: shared.views[0], hostId: 'here' });
  });
  afterEach(endChildren);
  afterAll(() => shared.close());
  const ttl = 1000;

  const start = (hostId: string): Promise<LeaseContender> => LeaseContender.start(shared.views[0], hostId);
  /** A name with the text `old`. */
  const usedName = async (): Promise<string> => {
    const name = newName();
    await lease(name, { driver, ttl: longTtl }, (held) => textOf(held).write('old', keep, signal));
    return name;
  };
  const calls = async (): Promise<number[]> => {
    const [name, contender] = await Promise.all([usedName(), start('there')]);
    await contender.try(name, longTtl);
    const { calls: count } = await contender.write(name, 'new');
    expect(count).toBeGreaterThan(4);
    return Array.from({ length: count }, (_, index) => index + 1);
  };

  test('is done for the next holder, or is refused for good: a holder that was stopped at it changes nothing later', async () => {
    const stalled = watchStalls();
    const stopAt = async (call: number): Promise<void> => {
      const [name, contender] = await Promise.all([usedName(), start('there')]);
      await contender.try(name, ttl);
      await contender.fail({ do: 'write', name, text: 'new' }, { call, signal: 'SIGSTOP' });
      const [begun, stalledBefore] = [performance.now(), stalled()];
      const next = await lease(name, { driver, ttl: longTtl });
      expect(performance.now() - begun - (stalled() - stalledBefore)).toBeLessThan(ttl + 2000);
      const found = await textOf(next).read(signal);
      const { written, error } = await contender.resume();
      expect({ call, written, error }).toEqual({ call, written: found === 'new', error: undefined });
      expect({ call, found: await textOf(next).read(signal) }).toEqual({ call, found });
      expect(['old', 'new']).toContain(found);
      await next.release();
    };
    await Promise.all((await calls()).map(stopAt));
  });

  test('leaves the old text or the new one when its process is killed, and the next holder can write', async () => {
    const killAt = async (call: number): Promise<void> => {
      const [name, contender] = await Promise.all([usedName(), start('here')]);
      await contender.try(name, longTtl);
      await contender.fail({ do: 'write', name, text: 'new' }, { call, signal: 'SIGKILL' });
      await lease(name, { driver, ttl: longTtl, timeout: 5000 }, async (held) => {
        expect(['old', 'new']).toContain(await textOf(held).read(signal));
        expect(await textOf(held).write('newest', keep, signal)).toBe(true);
        expect(await textOf(held).read(signal)).toBe('newest');
      });
    };
    await Promise.all((await calls()).map(killAt));
  });
});
