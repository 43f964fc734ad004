import { execFileSync, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { lockfileDriver, promisedFs, synchronousFs } from '../../../dist/drivers.js';
import { type Grant, lock, lockSync } from '../../../dist/index.js';
import { killChild } from '../../support/kill-child.js';
import { Contender } from '../../support/lockfile/contender.js';
import { endChildren } from '../../support/lockfile/obedient-child.js';
import { sshfsDirectory, sshfsMissing } from '../../support/lockfile/shared-directory.js';
import { testProperty } from '../../support/property-test.js';

const fixture = (name: string): string => fileURLToPath(new URL(`../../fixtures/${name}.mjs`, import.meta.url));
const run = (name: string, ...args: string[]): string =>
  execFileSync(process.execPath, [fixture(name), ...args]).toString();

let directory: string;
let path: string;
const removeDirectory = () => rmSync(directory, { recursive: true, force: true });
function makeDirectory(): void {
  directory = mkdtempSync(join(tmpdir(), 'lock-path-'));
  path = join(directory, 'job');
}
beforeEach(makeDirectory);
afterEach(async () => {
  await endChildren();
  removeDirectory();
});

const request = (label?: string) => ({ name: 'job', path, shared: false, permits: undefined, label });
const inFolder = (kind: string, ...rest: string[]): string =>
  join(directory, '.oslo-concurrency', 'lockfile', kind, ...rest);
const driver = lockfileDriver();
const attempt = async (): Promise<Grant | undefined> => driver.tryAcquire(request());

describe('one name, one holder', () => {
  test('G9 between handles, processes and worker threads; free again after release', async () => {
    const grant = await attempt();
    expect(await attempt()).toBeUndefined();
    const other = await Contender.start();
    expect(await other.try(path)).toMatchObject({ granted: false });
    const worker = new Worker(fixture('hold-in-worker'), { workerData: request() });
    expect(await once(worker, 'message')).toEqual(['taken']);
    await worker.terminate();
    await grant?.release();
    expect(await other.try(path)).toMatchObject({ granted: true, previousOwnerDied: false });
    expect(await attempt()).toBeUndefined();
    expect(await other.release(path)).toMatchObject({ released: true });
    const again = await attempt();
    expect(again?.previousOwnerDied).toBe(false);
    await again?.release();
  });

  test('G1 a worker thread that is terminated while it holds gives way at once, though its process lives', async () => {
    const worker = new Worker(fixture('hold-in-worker'), { workerData: request() });
    expect(await once(worker, 'message')).toEqual(['held']);
    expect(await attempt()).toBeUndefined();
    await worker.terminate();
    const grant = await attempt();
    expect(grant?.previousOwnerDied).toBe(true);
    await grant?.release();
  });

  test('a name of 255 bytes is a name like any other, and so are those of the folders', async () => {
    for (const name of ['x'.repeat(255), 'held', 'lockfile']) {
      const grant = await driver.tryAcquire({ ...request(), path: join(directory, name) });
      expect(readdirSync(inFolder('held'))).toEqual([name]);
      await grant?.release();
    }
    expect(readdirSync(directory)).toEqual(['.oslo-concurrency']);
  });
});

describe('a holder keeps it while it lives', () => {
  test('G2 stopped, and with files as old as they can be, it is not robbed, and goes on as if nothing had been', async () => {
    const holder = await Contender.start();
    await holder.try(path);
    holder.child.kill('SIGSTOP');
    for (const file of [
      inFolder('held', 'job'),
      inFolder('held', 'job', readdirSync(inFolder('held', 'job'))[0] ?? ''),
    ]) {
      utimesSync(file, 1, 1);
    }
    expect(await attempt()).toBeUndefined();
    holder.child.kill('SIGCONT');
    expect(await holder.release(path)).toMatchObject({ released: true });
  });

  test('negative control: plain proper-lockfile is robbed while it is stopped', async () => {
    const [holder, robber] = await Promise.all([Contender.start('plain'), Contender.start('plain')]);
    await holder.try(path);
    holder.child.kill('SIGSTOP');
    utimesSync(`${path}.lock`, 1, 1);
    expect(await robber.try(path)).toMatchObject({ granted: true });
  });

  test('negative control: plain proper-lockfile lets two in when one is slow to remove a stale lock', async () => {
    const [slow, quick] = await Promise.all([Contender.start('plain'), Contender.start('plain')]);
    mkdirSync(`${path}.lock`);
    utimesSync(`${path}.lock`, 1, 1);
    // mkdir, stat, then the removal of what it found stale.
    await slow.fail({ do: 'try', path }, { call: 3, signal: 'SIGSTOP' });
    expect(await quick.try(path)).toMatchObject({ granted: true });
    expect(await slow.resume()).toMatchObject({ granted: true });
  });

  test('negative control: plain proper-lockfile removes its successor’s lock', async () => {
    const [late, successor, third] = await Promise.all([
      Contender.start('plain'),
      Contender.start('plain'),
      Contender.start('plain'),
    ]);
    await late.try(path);
    rmSync(`${path}.lock`, { recursive: true });
    expect(await successor.try(path)).toMatchObject({ granted: true });
    expect(await late.release(path)).toMatchObject({ released: true });
    expect(await third.try(path)).toMatchObject({ granted: true });
  });

  test('G4 a release after somebody removed the lock by hand rejects, and does not hurt the successor', async () => {
    const holder = await Contender.start();
    await holder.try(path);
    rmSync(inFolder('held', 'job'), { recursive: true });
    const grant = await attempt();
    expect(await holder.release(path)).toMatchObject({ error: 'ERR_LOCK_LOST' });
    expect((await holder.try(path)).granted).toBe(false);
    await grant?.release();
  });

  test('G4 a lock that was taken away by hand is not held here any more: who waits goes on, and release() says it again', async () => {
    const options = { external: true, driver: 'lockfile', lockPath: directory } as const;
    const held = await lock('job', options);
    let waits = (): void => {};
    const waiting = new Promise<void>((resolve) => {
      waits = resolve;
    });
    const next = lock('job', { ...options, onWait: () => waits() });
    await waiting;
    rmSync(directory, { recursive: true });
    mkdirSync(directory);
    for (const _ of ['once', 'and again']) {
      await expect(held.release()).rejects.toMatchObject({
        code: 'ERR_LOCK_RELEASE',
        cause: { code: 'ERR_LOCK_LOST' },
      });
    }
    expect(held.released).toBe(true);
    await (await next).release();
    lockSync('job', { driver: 'lockfile', lockPath: directory, blocking: false }, () => {});
  });

  test('G4 that is so for lockSync too', () => {
    const options = { driver: 'lockfile', lockPath: directory } as const;
    const held = lockSync('job', options);
    rmSync(directory, { recursive: true });
    mkdirSync(directory);
    expect(() => held.release()).toThrow(expect.objectContaining({ code: 'ERR_LOCK_RELEASE' }));
    expect(held.released).toBe(true);
    held.release();
    lockSync('job', { ...options, blocking: false }, () => {});
  });

  test('an owner that cannot be judged is never put out, and is named', async () => {
    mkdirSync(inFolder('held', 'job'), { recursive: true });
    const file = inFolder('held', 'job', 'o1.3f2c0000-0000-0000-0000-000000000000.4026531836.1.77.5...m.u-1.web2');
    writeFileSync(file, '');
    expect(await attempt()).toBeUndefined();
    expect(await driver.holders(request())).toEqual([{ pid: 77, host: 'web2' }]);
    renameSync(file, inFolder('held', 'job', 'notes.txt'));
    expect(await attempt()).toBeUndefined();
    const waiting = lock('job', { external: true, lockPath: directory, driver: 'lockfile', timeout: 20 });
    await expect(waiting).rejects.toThrow(/notes\.txt/);
  });

  test('G18 a timeout tells who holds it: process, command, host, label and since when', async () => {
    const holder = await Contender.start();
    await holder.try(path);
    const waiting = lock('job', { external: true, lockPath: directory, driver: 'lockfile', timeout: 20 });
    await expect(waiting).rejects.toMatchObject({
      code: 'ERR_LOCK_TIMEOUT',
      holders: [{ pid: holder.child.pid, label: 'contender', since: expect.any(Date), host: expect.any(String) }],
      message: expect.stringMatching(/lockfile-contender\.mjs/),
    });
  });
});

describe('waiting', () => {
  test('a release and a death are heard of', async () => {
    const holder = await Contender.start();
    for (const end of [() => holder.release(path), () => holder.kill()]) {
      await holder.try(path);
      const waiting = lock('job', { external: true, lockPath: directory, driver: 'lockfile' });
      await end();
      await (await waiting).release();
    }
  });
});

describe.runIf(process.platform === 'linux')('hints', () => {
  const waiters = (count: number): { readonly wakes: number[]; readonly wake: (index: number) => () => void } => {
    const wakes = Array.from({ length: count }, () => 0);
    return { wakes, wake: (index) => () => (wakes[index] = (wakes[index] ?? 0) + 1) };
  };

  test('G28 a waiter that leaves the queue wakes the next one, and no other', async () => {
    // As where nobody gives hints: each waiter watches the ticket before its own.
    const elsewhere = lockfileDriver({ fs: promisedFs });
    const places = [];
    for (let count = 0; count < 4; count += 1) places.push(await elsewhere.joinQueue?.(request()));
    const { wakes, wake } = waiters(4);
    const stops = places.map((place, index) => place?.onTurn(wake(index)));
    for (const place of places) await place?.isFirst();
    await places[1]?.leave();
    await expect.poll(() => wakes[2], { interval: 1 }).toBeGreaterThan(0);
    // From here on the first one is before it.
    expect(await places[2]?.isFirst()).toBe(false);
    const before = wakes[2] ?? 0;
    await places[0]?.leave();
    await expect.poll(() => wakes[2], { interval: 1 }).toBeGreaterThan(before);
    expect(await places[2]?.isFirst()).toBe(true);
    expect([wakes[0], wakes[3]]).toEqual([0, 0]);
    for (const stop of stops) stop?.();
    for (const place of places) await place?.leave();
  });

  test('a waiter whose predecessor left before it was watched looks again', async () => {
    const [first, second] = [await driver.joinQueue?.(request()), await driver.joinQueue?.(request())];
    expect(await second?.isFirst()).toBe(false);
    const stop = second?.onTurn(() => {});
    const real = synchronousFs.readdir;
    let looks = 0;
    const leaving = lockfileDriver({
      synchronous: true,
      fs: {
        ...synchronousFs,
        readdir(folder) {
          const names = real(folder);
          looks += 1;
          // Its ticket was seen, and is gone before it is watched.
          if (looks === 2) void second?.leave();
          return names;
        },
      },
    });
    const third = leaving.joinQueue?.(request()) as Exclude<
      ReturnType<NonNullable<typeof leaving.joinQueue>>,
      Promise<unknown>
    >;
    await first?.leave();
    third?.onTurn(() => {});
    looks = 0;
    expect(third?.isFirst()).toBe(true);
    stop?.();
    await third?.leave();
  });

  test('G28 the release of a lock wakes its waiter; grants and releases of other locks do not', async () => {
    const held = await attempt();
    const other = { ...request(), path: join(directory, 'other') };
    const { wakes, wake } = waiters(2);
    const stop = driver.onRelease?.(request(), wake(0));
    await (await driver.tryAcquire(other))?.release();
    // Comes after all events of the other lock, in the order of the system.
    const stopOther = driver.onRelease?.(other, wake(1));
    await (await driver.tryAcquire(other))?.release();
    await expect.poll(() => wakes[1], { interval: 1 }).toBeGreaterThan(0);
    expect(wakes[0]).toBe(0);
    await held?.release();
    await expect.poll(() => wakes[0], { interval: 1 }).toBeGreaterThan(0);
    // Also the releases of those that were faster.
    for (let round = 0; round < 3; round += 1) {
      const before = wakes[0] ?? 0;
      await (await attempt())?.release();
      await expect.poll(() => wakes[0], { interval: 1 }).toBeGreaterThan(before);
    }
    stop?.();
    stopOther?.();
  });
});

describe('slow and failing file systems', () => {
  test.runIf(process.platform === 'linux')(
    'on a local file system an attempt answers at once, on another one by a promise',
    async () => {
      const grant = driver.tryAcquire(request());
      expect(grant).not.toBeInstanceOf(Promise);
      expect((await grant)?.release()).toBeUndefined();
      const promised = lockfileDriver({ fs: promisedFs }).tryAcquire(request());
      expect(promised).toBeInstanceOf(Promise);
      await (await promised)?.release();
    },
  );

  test.skipIf(sshfsMissing())(
    'on a network file system the default driver does not stop the process for its calls',
    async () => {
      const shared = sshfsDirectory();
      try {
        const there = { ...request(), path: join(shared.views[0], 'job') };
        const pending = driver.tryAcquire(there);
        expect(pending).toBeInstanceOf(Promise);
        const grant = await pending;
        expect(await driver.tryAcquire(there)).toBeUndefined();
        await grant?.release();
      } finally {
        shared.close();
      }
    },
  );

  test('G5 no time, however long, loses the lock, and nothing is left to run', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    try {
      const never = lockfileDriver({ fs: { ...promisedFs, readdir: (dir) => promisedFs.readdir(dir) } });
      const grant = await never.tryAcquire(request());
      // proper-lockfile's heartbeat comes every twelve days.
      await vi.advanceTimersByTimeAsync(100 * 24 * 3600 * 1000);
      expect(await attempt()).toBeUndefined();
      await grant?.release();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  test('G5 slow calls make it slow, and no more: 200 cycles with each call late', async () => {
    const late = Object.fromEntries(
      Object.entries(synchronousFs).map(([name, call]) => [
        name,
        async (...args: unknown[]) => {
          await new Promise(setImmediate);
          return (call as (...args: unknown[]) => unknown)(...args);
        },
      ]),
    ) as unknown as typeof promisedFs;
    const slow = lockfileDriver({ fs: late });
    for (let cycle = 0; cycle < 200; cycle += 1) {
      const grant = await slow.tryAcquire(request());
      expect(grant?.previousOwnerDied).toBe(false);
      await grant?.release();
    }
  });

  const codes = ['EIO', 'ENOSPC', 'EDQUOT', 'EMFILE', 'EACCES', 'EROFS', 'ESTALE'];
  testProperty([fc.integer({ min: 1, max: 9 }), fc.constantFrom(...codes), fc.boolean(), fc.boolean(), fc.boolean()], {
    numRuns: 80,
  })(
    'G16 a call that fails fails the attempt or the release, with a clear error and nothing lost',
    async (...drawn) => {
      const [at, code, done, afterDeath, synchronous] = drawn;
      removeDirectory();
      makeDirectory();
      let calls = 0;
      let failed: string | undefined;
      const failing = Object.fromEntries(
        Object.entries(synchronousFs).map(([name, call]) => [
          name,
          (...args: unknown[]) => {
            calls += 1;
            const fails = calls === at;
            if (fails) failed = name;
            // The server did it, and its answer was lost.
            if (!fails || done) {
              const value = (call as (...args: unknown[]) => unknown)(...args);
              if (!fails) return value;
            }
            throw Object.assign(new Error(`${code}: ${name}`), { code });
          },
        ]),
      ) as unknown as typeof promisedFs;
      if (afterDeath) {
        await attempt().then((grant) => grant?.release());
        mkdirSync(inFolder('held', 'job'));
        writeFileSync(inFolder('held', 'job', (await deadName()) ?? ''), '');
      }
      const faulty = lockfileDriver({ fs: failing, synchronous });
      const trouble: unknown[] = [];
      let grant: Grant | undefined;
      try {
        grant = await faulty.tryAcquire(request());
      } catch (error) {
        trouble.push(error);
      }
      if (grant !== undefined) {
        expect(await attempt()).toBeUndefined();
        try {
          await grant.release();
        } catch (error) {
          trouble.push(error);
          // It may be called again, and whether the first call came through or not, this one does.
          await grant.release();
        }
      }
      for (const error of trouble) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_LOCK_(PATH|FILE_ACCESS|FILE_SYSTEM)$/) });
      }
      const next = await attempt();
      expect({ drawn, failed, free: next !== undefined }).toEqual({ drawn, failed, free: true });
      await next?.release();
      rmSync(inFolder('new'), { recursive: true });
      mkdirSync(inFolder('new'));
    },
  );
});

describe('the line for a lock', () => {
  test.runIf(process.platform === 'linux')(
    'G10 passes a waiter that is stopped, and serves it when it goes on',
    async () => {
      const first = await driver.joinQueue?.(request());
      const held = await attempt();
      const witnesses = mkdtempSync(join(directory, 'witnesses-'));
      const waiter = fork(fixture('lock-again-and-again'), [directory, witnesses, 'fair']);
      try {
        // It is the second, so its ticket is number 2.
        await expect.poll(() => readdirSync(inFolder('queue', 'job')), { interval: 1 }).toContain('2');
        const third = await driver.joinQueue?.(request());
        waiter.kill('SIGSTOP');
        await held?.release();
        await first?.leave();
        await expect.poll(() => third?.isFirst(), { interval: 5 }).toBe(true);
        await third?.leave();
        const granted = once(waiter, 'message');
        waiter.kill('SIGCONT');
        expect(await granted).toContain('granted');
      } finally {
        await killChild(waiter);
      }
    },
  );

  testProperty(
    [fc.integer({ min: 1, max: 9 }), fc.constantFrom('EIO', 'ENOSPC', 'EACCES'), fc.boolean(), fc.boolean()],
    {
      numRuns: 60,
    },
  )('G10 a join that fails leaves no ticket behind', async (at, code, done, synchronous) => {
    removeDirectory();
    makeDirectory();
    let calls = 0;
    const failing = Object.fromEntries(
      Object.entries(synchronousFs).map(([name, call]) => [
        name,
        (...args: unknown[]) => {
          calls += 1;
          if (calls !== at) return (call as (...args: unknown[]) => unknown)(...args);
          if (done) (call as (...args: unknown[]) => unknown)(...args);
          throw Object.assign(new Error(`${code}: ${name}`), { code });
        },
      ]),
    ) as unknown as typeof promisedFs;
    const faulty = lockfileDriver({ fs: failing, synchronous });
    try {
      const place = await faulty.joinQueue?.(request());
      calls = 10;
      await place?.leave();
    } catch (error) {
      expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_LOCK_FILE_(ACCESS|SYSTEM)$/) });
    }
    const next = await driver.joinQueue?.(request());
    await expect.poll(() => next?.isFirst(), { interval: 1 }).toBe(true);
    await next?.leave();
    await expect.poll(() => readdirSync(inFolder('queue')), { interval: 1 }).toEqual([]);
  });
});

// The owner file name of a process that is certainly dead.
async function deadName(): Promise<string | undefined> {
  const other = join(directory, 'other');
  const grant = await driver.tryAcquire({ ...request(), path: other });
  const name = readdirSync(inFolder('held', 'other'))[0];
  await grant?.release();
  return name?.replace(`.${process.pid}.`, `.${2 ** 22 + 1}.`);
}

describe('hostile directories', () => {
  test('G16 a missing lock path, a link, a file or a folder of others in the way: a clear error, nothing followed', async () => {
    const missing = lockfileDriver().tryAcquire.bind(null, { ...request(), path: join(directory, 'missing', 'job') });
    await expect((async () => missing())()).rejects.toMatchObject({ code: 'ERR_LOCK_PATH', problem: 'missing' });
    await attempt().then((grant) => grant?.release());
    const elsewhere = join(directory, 'elsewhere');
    mkdirSync(elsewhere);
    for (const lay of [
      () => symlinkSync(elsewhere, inFolder('held', 'job')),
      () => writeFileSync(inFolder('held', 'job'), 'x'),
    ]) {
      lay();
      await expect(attempt()).rejects.toMatchObject({ code: 'ERR_LOCK_FILE_TYPE' });
      expect(readdirSync(elsewhere)).toEqual([]);
      rmSync(inFolder('held', 'job'));
    }
  });

  test('G15 when somebody removed our folders while nothing was held, the next attempt makes them again', async () => {
    await attempt().then((grant) => grant?.release());
    rmSync(join(directory, '.oslo-concurrency'), { recursive: true });
    const grant = await attempt();
    expect(existsSync(inFolder('held', 'job'))).toBe(true);
    await grant?.release();
  });

  test('G20 a lock path of the kernel driver is refused', async () => {
    mkdirSync(join(directory, '.oslo-concurrency', 'driver'), { recursive: true });
    writeFileSync(join(directory, '.oslo-concurrency', 'driver', 'kernel'), '');
    await expect((async () => driver.tryAcquire(request()))()).rejects.toMatchObject({
      code: 'ERR_LOCK_DRIVER_MISMATCH',
    });
  });
});

const asUser = (uid: number): string[] => ['setpriv', '--reuid', `${uid}`, '--regid', '65533', '--clear-groups'];
// Root, in a checkout and a Node that others may read.
const hasOthers =
  process.getuid?.() === 0 &&
  spawnSync('setpriv', [...asUser(65534).slice(1), 'test', '-r', fixture('die-holding')]).status === 0;

describe('users of one group', () => {
  test.skipIf(!hasOthers)('take over from each other in a directory of the group, whatever their umask', async () => {
    chmodSync(directory, 0o2775);
    chownSync(directory, 0, 65533);
    const dieHolding = (uid: number, ...fate: string[]) =>
      spawnSync('sh', [
        ...['-c', 'umask 077; exec "$@"', 'sh'],
        ...[...asUser(uid), process.execPath, fixture('die-holding'), path, ...fate],
      ]);
    expect(dieHolding(65534).signal).toBe('SIGKILL');
    expect(dieHolding(65532).stdout.toString()).toBe('previous owner died\n');
    expect(dieHolding(65534, 'not').stdout.toString()).toBe('previous owner died\n');
    // A release of another user wakes a waiter, though it may not set the times of the waiter's folder.
    const waiter = await driver.joinQueue?.(request());
    let wakes = 0;
    const stop = waiter?.onTurn(() => (wakes += 1));
    expect(dieHolding(65534, 'not').status).toBe(0);
    await expect.poll(() => wakes, { interval: 1 }).toBeGreaterThan(0);
    stop?.();
    await waiter?.leave();
    await attempt().then((grant) => grant?.release());
  });
});

describe('without the add-on', () => {
  test('G21 the lockfile driver works, and the kernel driver says what to do', () => {
    // In one lock path: what the error advises works there.
    expect(run('lock-without-add-on', directory)).toBe('kernel ERR_ADDON_UNAVAILABLE\nlockfile held\n');
  });

  test('G21 it works under the permission model, which admits no add-on', () => {
    const flag = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission';
    const flags = [flag, '--no-warnings', '--allow-fs-read=*', `--allow-fs-write=${directory}`];
    const said = execFileSync(process.execPath, [...flags, fixture('lock-without-add-on'), directory]).toString();
    expect(said).toBe('kernel ERR_ADDON_UNAVAILABLE\nlockfile held\n');
  });

  test('G21 under the permission model it needs no more than the code, /proc and the lock path, and says what it misses', () => {
    const flag = process.allowedNodeEnvironmentFlags.has('--permission') ? '--permission' : '--experimental-permission';
    const repository = join(import.meta.dirname, '../../../../..');
    const flags = [flag, '--no-warnings', `--allow-fs-read=${repository}`, '--allow-fs-read=/proc'];
    const said = (...more: string[]): Record<string, string> => {
      const args = [...flags, ...more, fixture('lock-with-permission'), directory];
      return JSON.parse(execFileSync(process.execPath, args).toString());
    };
    const held = { lock: 'held', lockSync: 'held', shared: 'held' };
    expect(said(`--allow-fs-read=${directory}`, `--allow-fs-write=${directory}`)).toEqual(held);
    const forbidden = expect.stringMatching(/^ERR_LOCK_PATH .* is forbidden by node --permission; allow it with/);
    for (const less of [[], [`--allow-fs-read=${directory}`]]) {
      expect(said(...less)).toEqual({ lock: forbidden, lockSync: forbidden, shared: forbidden });
    }
  });

  test('G22 neither importing nor using it hooks or patches anything; the program’s own proper-lockfile stays whole', () => {
    const own = join(directory, 'own');
    expect(run('import-and-lock', directory, own)).toBe('nothing changed\nown lock held\n');
    expect(existsSync(`${own}.lock`)).toBe(false);
  });
});
