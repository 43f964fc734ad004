import { once } from 'node:events';
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { kernelDriver, lockfileLeaseDriver } from '../../../../dist/drivers.js';
import { type LeaseDriver, type LeaseGrant, lease } from '../../../../dist/index.js';
import { type LeaseFs, promisedLeaseFs } from '../../../../src/drivers/lockfile/lease/lease-fs.js';
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
const { signal } = new AbortController();
let names = 0;
function newName(): string {
  names += 1;
  return `lease-${names}`;
}
const tryFor = (driver: LeaseDriver, name: string, ttl: number): Promise<LeaseGrant | undefined> =>
  driver.tryAcquire(
    { name, ttl, permits: 1, label: undefined, now: () => performance.now(), waiting: () => {} },
    signal,
  );

// libfaketime sets the wall clock of one process apart; what time files have stays the file system's affair.
const fakeTime = ['/usr/lib', '/usr/lib64']
  .flatMap((lib) => (existsSync(lib) ? readdirSync(lib).map((name) => join(lib, name, 'faketime')) : []))
  .map((folder) => join(folder, 'libfaketimeMT.so.1'))
  .find((library) => existsSync(library));
if (process.env.CI && process.platform === 'linux' && fakeTime === undefined) {
  throw new Error('CI must have the Debian package libfaketime');
}
const clockApart = (offset: string): NodeJS.ProcessEnv => ({
  LD_PRELOAD: fakeTime,
  FAKETIME: offset,
  NO_FAKE_STAT: '1',
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
  DONT_FAKE_MONOTONIC: '1',
});

const places: [string, () => SharedDirectory, string | undefined, number][] = [
  ['a local directory', localDirectory, undefined, 300],
  // SFTP tells whole seconds, so that a lease ends up to two seconds late.
  ['sshfs, with a mount for each machine', sshfsDirectory, noSshfs, 2300],
];

describe.each(places)('leases between two machines on %s', (title, make, missing, latest) => {
  describe.skipIf(missing !== undefined)(missing ?? title, () => {
    let shared: SharedDirectory;
    let here: LeaseDriver;
    let there: LeaseDriver;
    beforeAll(() => {
      shared = make();
      here = lockfileLeaseDriver({ lockPath: shared.views[0], hostId: 'here' });
      there = lockfileLeaseDriver({ lockPath: shared.views[1], hostId: 'there' });
    });
    afterEach(endChildren);
    afterAll(() => shared?.close());

    test('a token that was removed is not begun again: nobody is granted, and the error says what to do', async () => {
      const name = newName();
      await lease(name, { driver: here, ttl: longTtl }, () => {});
      await lease(name, { driver: here, ttl: longTtl }, () => {});
      const [folder = ''] = readdirSync(shared.views[0], { recursive: true, encoding: 'utf8' })
        .map((path) => join(shared.views[0], path))
        .filter((path) => basename(path) === name && basename(dirname(path)) === 'token');
      rmSync(join(folder, '2'));
      const error = await lease(name, { driver: here, ttl: longTtl }).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'ERR_LOCK_FILE_SYSTEM', path: folder });
      expect((error as Error).message).toContain('whose name is a whole number not smaller than any token');
      writeFileSync(join(folder, '7'), '');
      const next = await lease(name, { driver: here, ttl: longTtl });
      expect(next.fencingToken).toBe(8n);
      await next.release();
    });

    test('one holds it at a time, is named, and the next has a greater token', async () => {
      const name = newName();
      const tokens: bigint[] = [];
      for (const driver of [here, there, here]) {
        const other = driver === here ? there : here;
        await lease(name, { driver, ttl: longTtl, label: 'mine' }, async ({ fencingToken }) => {
          tokens.push(fencingToken);
          expect(await tryFor(other, name, 1)).toBeUndefined();
          expect(await other.holders?.(name)).toMatchObject([
            { pid: process.pid, label: 'mine', host: driver === here ? 'here' : 'there' },
          ]);
        });
      }
      expect(tokens).toEqual([1n, 2n, 3n]);
    });

    test('one that is not renewed ends, after its own ttl and not that of who comes; what comes late hurts nobody', async () => {
      const name = newName();
      const stalled = watchStalls();
      const grant = await tryFor(here, name, 400);
      const next = await lease(name, { driver: there, ttl: longTtl });
      const late = performance.now() - (grant?.validUntil ?? 0);
      expect(late).toBeGreaterThan(0);
      expect(late - stalled()).toBeLessThan(latest + 1000);
      expect(next.fencingToken).toBe(2n);
      expect(await grant?.renew(signal)).toBeUndefined();
      expect(await grant?.release(signal)).toBe(false);
      expect(await tryFor(here, name, 1)).toBeUndefined();
      await next.renew();
      await next.release();
    });

    test('one that is renewed lasts, and so does one of a ttl that is longer than that of who comes', async () => {
      const name = newName();
      const held = await lease(name, { driver: here, ttl: 3000, renewEvery: 100 });
      const grant = await tryFor(there, newName(), longTtl);
      for (const end = performance.now() + 600; performance.now() < end; ) {
        expect(await tryFor(there, name, 200)).toBeUndefined();
      }
      held.assertHeld();
      await held.release();
      expect(await grant?.release(signal)).toBe(true);
    });

    test.skipIf(fakeTime === undefined)('the clocks of the machines do not matter', async () => {
      const [early, late] = await Promise.all([
        LeaseContender.start(shared.views[1], 'early', clockApart('-400d')),
        LeaseContender.start(shared.views[1], 'late', clockApart('+400d')),
      ]);
      const name = newName();
      const held = await lease(name, { driver: here, ttl: longTtl });
      for (const contender of [early, late]) {
        const { granted, date } = await contender.try(name, 200);
        expect(Math.abs(date - Date.now())).toBeGreaterThan(300 * 24 * 3600 * 1000);
        expect(granted).toBe(false);
      }
      await held.release();
      for (const contender of [late, early]) {
        expect(await contender.try(name, longTtl)).toMatchObject({ granted: true });
        expect(await tryFor(here, name, 200)).toBeUndefined();
        expect(await contender.renew(name)).toMatchObject({ renewed: true });
        expect(await tryFor(here, name, 200)).toBeUndefined();
        expect(await contender.release(name)).toMatchObject({ released: true });
      }
    });

    test('a dead holder of the same machine is followed at once, one of another machine after its ttl', async () => {
      const [mine, other] = [newName(), newName()];
      const [sameHost, otherHost] = await Promise.all([
        LeaseContender.start(shared.views[0], 'here'),
        LeaseContender.start(shared.views[1], 'elsewhere'),
      ]);
      await sameHost.try(mine, longTtl);
      const stalled = watchStalls();
      const before = performance.now();
      await otherHost.try(other, 500);
      await Promise.all([sameHost.kill(), otherHost.kill()]);
      const grant = await tryFor(here, mine, longTtl);
      expect(grant?.token).toBe(2n);
      const [begun, stalledBefore] = [performance.now(), stalled()];
      const next = await lease(other, { driver: here, ttl: longTtl });
      expect(performance.now() - begun - (stalled() - stalledBefore)).toBeLessThan(500 + latest + 1000);
      // A driver that follows at once, as on the same machine, is far below that.
      expect(performance.now() - before).toBeGreaterThanOrEqual(500);
      await Promise.all([grant?.release(signal), next.release()]);
    });

    test('G20 the kernel driver refuses a directory that is no local one', async () => {
      const driver = kernelDriver();
      const request = { name: 'job', path: join(shared.views[0], 'job'), shared: false, permits: undefined };
      const attempt = async () => driver.tryAcquire({ ...request, label: undefined });
      if (make === sshfsDirectory) await expect(attempt()).rejects.toMatchObject({ code: 'ERR_NETWORK_FILE_SYSTEM' });
      else await attempt().then((grant) => grant?.release());
    });
  });
});

describe.runIf(process.platform === 'linux')('a lease whose holder fails before any of its calls', () => {
  let shared: SharedDirectory;
  let driver: LeaseDriver;
  beforeAll(() => {
    shared = localDirectory();
    driver = lockfileLeaseDriver({ lockPath: shared.views[0], hostId: 'here' });
  });
  afterEach(endChildren);
  afterAll(() => shared.close());

  interface Point {
    readonly do: 'try' | 'renew' | 'release';
    readonly call: number;
  }
  const ttl = 1000;

  // The first attempt of a process sweeps, too, and the first lease of a name makes the folder of its tokens.
  const start = async (hostId: string): Promise<LeaseContender> => {
    const contender = await LeaseContender.start(shared.views[0], hostId);
    await contender.try(newName(), longTtl);
    return contender;
  };
  const usedName = async (): Promise<string> => {
    const name = newName();
    await lease(name, { driver, ttl: longTtl }, () => {});
    return name;
  };

  // The calls of an undisturbed lease, shared out to so many lanes.
  const pointsIn = async (lanes: number): Promise<Point[][]> => {
    const name = await usedName();
    const contender = await start('there');
    const calls = {
      try: (await contender.try(name, longTtl)).calls,
      renew: (await contender.renew(name)).calls,
      release: (await contender.release(name)).calls,
    };
    expect(calls.try).toBeGreaterThan(6);
    const points = Object.entries(calls).flatMap(([what, count]) =>
      Array.from({ length: count }, (_, call) => ({ do: what as Point['do'], call: call + 1 })),
    );
    return Array.from({ length: lanes }, (_, lane) => points.filter((_point, index) => index % lanes === lane));
  };

  test('is granted to the next in time, with a greater token, and the one who goes on learns that it is gone', async () => {
    const stalled = watchStalls();
    const stopAt = async (contender: LeaseContender, point: Point): Promise<void> => {
      const name = await usedName();
      const earlier = point.do === 'try' ? 1 : Number((await contender.try(name, ttl)).token);
      await contender.fail({ do: point.do, name, ttl }, { call: point.call, signal: 'SIGSTOP' });
      // It is on another machine, so it is the time that decides.
      const [begun, stalledBefore] = [performance.now(), stalled()];
      const next = await lease(name, { driver, ttl: longTtl });
      expect(performance.now() - begun - (stalled() - stalledBefore)).toBeLessThan(ttl + 2000);
      expect({ point, grows: Number(next.fencingToken) > earlier }).toEqual({ point, grows: true });
      const { error, granted, renewed } = await contender.resume();
      expect({ point, error, granted, renewed }).toEqual({
        point,
        error: undefined,
        // Its last call is the one that proves the lease still held, so there is no point at which it is both.
        granted: point.do === 'try' ? false : undefined,
        renewed: point.do === 'renew' ? false : undefined,
      });
      // Nothing of it hurts the successor.
      next.assertHeld();
      await next.renew();
      await next.release();
    };
    const lanes = await pointsIn(4);
    await Promise.all(
      lanes.map(async (points) => {
        const contender = await start('there');
        for (const point of points) await stopAt(contender, point);
      }),
    );
  });

  test('is granted to the next at once when it was killed on the same machine', async () => {
    const killAt = async (point: Point): Promise<void> => {
      const [name, contender] = await Promise.all([usedName(), start('here')]);
      const earlier = point.do === 'try' ? 1 : Number((await contender.try(name, longTtl)).token);
      await contender.fail({ do: point.do, name, ttl: longTtl }, { call: point.call, signal: 'SIGKILL' });
      const grant = await tryFor(driver, name, longTtl);
      expect({ point, grows: Number(grant?.token) > earlier }).toEqual({ point, grows: true });
      expect(await grant?.release(signal)).toBe(true);
    };
    const lanes = await pointsIn(4);
    await Promise.all(
      lanes.map(async (points) => {
        for (const point of points) await killAt(point);
      }),
    );
  });
});

describe('the lease driver on a mount that does not answer any more', () => {
  const staleFs = (): { fs: LeaseFs; stale: boolean; free(): void } => {
    const waits: (() => void)[] = [];
    const state = {
      stale: false,
      free: (): void => {
        state.stale = false;
        for (const go of waits.splice(0)) go();
      },
      fs: Object.fromEntries(
        Object.entries(promisedLeaseFs).map(([name, call]) => [
          name,
          async (...args: unknown[]) => {
            if (state.stale) await new Promise<void>((go) => waits.push(go));
            return (call as (...args: unknown[]) => unknown)(...args);
          },
        ]),
      ) as unknown as LeaseFs,
    };
    return state;
  };
  const ttl = 1000;

  test('G30 release, lease(fn) and lease settle within ttl + 2 s, and say what is left behind', async () => {
    const directory = localDirectory();
    const mount = staleFs();
    const driver = lockfileLeaseDriver({ lockPath: directory.views[0], fs: mount.fs });
    const held = await lease('held', { driver, ttl });
    const lost = await lease('lost', { driver, ttl });
    const around = lease('around', { driver, ttl }, () => {
      mount.stale = true;
    });
    await once(lost.signal, 'abort');
    const stalled = watchStalls();
    const begun = performance.now();
    const outcome = (work: Promise<unknown>): Promise<string> =>
      work.then(
        () => 'fulfilled',
        (error: { code: string }) => {
          expect(performance.now() - begun - stalled()).toBeLessThan(ttl + 2000);
          return error.code;
        },
      );
    expect(
      await Promise.all([
        outcome(held.release()),
        outcome(lost.release()),
        outcome(around),
        outcome(lease('asked', { driver, ttl })),
        outcome(lease('asked once', { driver, ttl, blocking: false })),
      ]),
    ).toEqual([
      'ERR_LEASE_LOST',
      'ERR_LEASE_LOST',
      'ERR_LEASE_UNANSWERED',
      'ERR_LEASE_UNANSWERED',
      'ERR_LEASE_UNANSWERED',
    ]);
    mount.free();
    // What was granted late is given back.
    await lease('asked', { driver, ttl: longTtl, blocking: false }, () => {});
    directory.close();
  });

  test('blocking: false is granted while only an attempt that was aborted gives back what it got', async () => {
    const directory = localDirectory();
    const mount = staleFs();
    const driver = lockfileLeaseDriver({ lockPath: directory.views[0], fs: mount.fs });
    await lease('job', { driver, ttl: longTtl }, () => {});
    mount.stale = true;
    const change = new AbortController();
    const aborted = lease('job', { driver, ttl: longTtl, signal: change.signal }).catch(() => {});
    change.abort();
    await aborted;
    const asking = lease('job', { driver, ttl: longTtl, blocking: false }, () => 'granted');
    mount.free();
    expect(await asking).toBe('granted');
    directory.close();
  });
});
