import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { IdleFiles } from '../../../../build/drivers/idle-files.js';
import { lockfileDriver } from '../../../../build/drivers/lockfile/driver.js';
import { type LockfileFs, synchronousFs } from '../../../../build/drivers/lockfile/system.js';
import { takeInTurn } from '../../../../build/drivers/lockfile/turns/grant.js';
import { OwnFolder } from '../../../../build/drivers/lockfile/turns/own-folder.js';
import { Turn } from '../../../../build/drivers/lockfile/turns/turn.js';
import { type GrantAtOnce, requestFor } from '../../../support/at-once.js';
import { makeLockPath } from '../../../support/lockfile/interleaving.js';

const directory = makeLockPath();
afterAll(() => rmSync(directory, { recursive: true, force: true }));
let locks = 0;
const newLock = (): string => {
  locks += 1;
  return join(directory, `lock ${locks}`);
};
const changing = ['mkdir', 'create', 'rename', 'unlink', 'rmdir'] as const;

/** Calls `before` before the call number `at` that changes anything, and then makes the call, unless `before` throws. */
function interrupted(at: number, before: () => void): { readonly fs: LockfileFs; readonly calls: () => number } {
  let calls = 0;
  const fs = { ...synchronousFs } as Record<string, unknown>;
  for (const name of changing) {
    fs[name] = (...args: unknown[]) => {
      calls += 1;
      if (calls === at) before();
      return (synchronousFs[name] as (...given: unknown[]) => unknown)(...args);
    };
  }
  return { fs: fs as unknown as LockfileFs, calls: () => calls };
}

const other = lockfileDriver({ synchronous: true });
const tryAsOther = (path: string): GrantAtOnce | undefined =>
  other.tryAcquire(requestFor(path)) as GrantAtOnce | undefined;
const inFolder = (...names: readonly string[]): string[] => {
  try {
    return readdirSync(join(directory, '.oslo-concurrency', 'lockfile', ...names));
  } catch {
    return [];
  }
};

// The calls of two holds of one folder: made, moved in, out, in, out.
const twoHolds = 9;

describe.runIf(process.platform === 'linux')('the folder of a thread that holds a lock again and again', () => {
  it('G9 admits one holder, whoever tries between any two of its calls', () => {
    let refused = 0;
    for (let at = 1; at <= twoHolds; at += 1) {
      const path = newLock();
      let held = false;
      const { fs } = interrupted(at, () => {
        const grant = tryAsOther(path);
        expect(grant === undefined).toBe(held);
        if (grant === undefined) refused += 1;
        grant?.release();
      });
      const folder = new OwnFolder(fs, path, undefined);
      for (let hold = 0; hold < 2; hold += 1) {
        expect(folder.moveIn()).toBe(true);
        held = true;
        expect(tryAsOther(path)).toBeUndefined();
        folder.moveOut();
        held = false;
      }
      folder.close();
      expect([...inFolder('new'), ...inFolder('held')]).toEqual([]);
    }
    // Between the grant and the end of each release.
    expect(refused).toBe(4);
  });

  it('G9 does not move in where another holder is, before any of its calls, and goes on when that has left', () => {
    for (let at = 1; at <= twoHolds; at += 1) {
      const path = newLock();
      let grant: GrantAtOnce | undefined;
      const { fs } = interrupted(at, () => {
        grant = tryAsOther(path);
      });
      const folder = new OwnFolder(fs, path, undefined);
      for (let hold = 0; hold < 2; hold += 1) {
        const moved = folder.moveIn();
        expect(moved).toBe(grant === undefined);
        grant?.release();
        grant = undefined;
        if (!moved) expect(folder.moveIn()).toBe(true);
        folder.moveOut();
        (grant as GrantAtOnce | undefined)?.release();
        grant = undefined;
      }
      folder.close();
      (grant as GrantAtOnce | undefined)?.release();
      expect([...inFolder('new'), ...inFolder('held')]).toEqual([]);
    }
  });

  it('does not move in where a dead holder is: that is for the attempt that judges', () => {
    const path = newLock();
    const folder = new OwnFolder(synchronousFs, path, undefined);
    expect(folder.moveIn()).toBe(true);
    folder.moveOut();
    // A process that has certainly ended.
    const dead = folder.own.replace(/^(o1\.[^.]*\.[^.]*\.[^.]*\.)\d+\.\d+/, '$199999999.1');
    const made = join(directory, '.oslo-concurrency', 'lockfile', 'new', dead);
    mkdirSync(made);
    writeFileSync(join(made, dead), '');
    renameSync(made, join(directory, '.oslo-concurrency', 'lockfile', 'held', `lock ${locks}`));
    // The attempt that judges removes it.
    expect(folder.moveIn()).toBe(false);
    expect(tryAsOther(path)?.previousOwnerDied).toBe(true);
    folder.close();
  });

  it('G19 tells of a death that another process has found, once', () => {
    const path = newLock();
    const folder = new OwnFolder(synchronousFs, path, undefined);
    writeFileSync(join(directory, '.oslo-concurrency', 'lockfile', 'died', `lock ${locks}`), '');
    expect([folder.moveIn(), folder.previousOwnerDied]).toEqual([true, true]);
    folder.moveOut();
    expect([folder.moveIn(), folder.previousOwnerDied]).toEqual([true, false]);
    folder.moveOut();
    folder.close();
  });

  it('G18 the record names the time of its own grant, in the queue and in each hold', async () => {
    const path = newLock();
    const folder = new OwnFolder(synchronousFs, path, 'a label');
    const sinces: number[] = [];
    for (let hold = 0; hold < 3; hold += 1) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      const before = Date.now();
      expect(folder.moveIn()).toBe(true);
      const [holder] = (await other.holders(requestFor(path))) as { since?: Date; label?: string }[];
      expect(holder?.label).toBe('a label');
      sinces.push(holder?.since?.getTime() ?? 0);
      // The first one was made before the pause.
      if (hold > 0) expect(sinces.at(-1)).toBeGreaterThanOrEqual(before);
      folder.moveOut();
    }
    expect(new Set(sinces).size).toBe(3);
    folder.close();
  });

  it('G16 follows no link that another user put in place of its file', () => {
    const folder = new OwnFolder(synchronousFs, newLock(), undefined);
    const file = join(directory, '.oslo-concurrency', 'lockfile', 'new', folder.own, folder.own);
    const victim = join(directory, 'victim');
    writeFileSync(victim, 'precious');
    rmSync(file);
    symlinkSync(victim, file);
    expect(folder.moveIn()).toBe(true);
    expect(readFileSync(victim, 'utf8')).toBe('precious');
    folder.moveOut();
    folder.close();
    expect(readFileSync(victim, 'utf8')).toBe('precious');
  });

  it('knows when its file is gone: an empty folder is no lock', () => {
    const folder = new OwnFolder(synchronousFs, newLock(), undefined);
    expect(folder.isIn()).toBe(true);
    rmSync(join(directory, '.oslo-concurrency', 'lockfile', 'new', folder.own, folder.own));
    expect(folder.isIn()).toBe(false);
    folder.close();
    expect(inFolder('new')).toEqual([]);
    expect(inFolder('held')).not.toContain(`lock ${locks}`);
  });

  it('G19 leaves a free lock when the report of a death cannot be removed, for the next holder to learn', () => {
    const path = newLock();
    let fails = true;
    const died = join(directory, '.oslo-concurrency', 'lockfile', 'died', `lock ${locks}`);
    const fs: LockfileFs = {
      ...synchronousFs,
      unlink(file) {
        if (fails && file === died) throw Object.assign(new Error('EIO'), { code: 'EIO' });
        return synchronousFs.unlink(file);
      },
    };
    const folder = new OwnFolder(fs, path, undefined);
    writeFileSync(died, '');
    expect(folder.moveIn()).toBe(false);
    fails = false;
    const grant = tryAsOther(path);
    expect(grant?.previousOwnerDied).toBe(true);
    grant?.release();
    expect(folder.isIn()).toBe(false);
    folder.close();
  });

  it('G9 does not hold the lock when its file was removed just before it moved in', () => {
    const path = newLock();
    const fs: LockfileFs = {
      ...synchronousFs,
      rename(from, to) {
        for (const name of readdirSync(from)) rmSync(join(from, name));
        void synchronousFs.rename(from, to);
      },
    };
    const folder = new OwnFolder(fs, path, undefined);
    expect(folder.moveIn()).toBe(false);
    const next = tryAsOther(path);
    expect(next).toBeDefined();
    next?.release();
    folder.close();
  });

  it('G16 leaves nothing when there is no room for its file', () => {
    const fs: LockfileFs = {
      ...synchronousFs,
      create: () => {
        throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
      },
    };
    expect(() => new OwnFolder(fs, newLock(), undefined)).toThrow(
      expect.objectContaining({ code: 'ERR_LOCK_FILE_SYSTEM' }),
    );
    expect(inFolder('new')).toEqual([]);
  });

  it('gives each hold another name', () => {
    const folder = new OwnFolder(synchronousFs, newLock(), undefined);
    const names = new Set<string>();
    for (let hold = 0; hold < 3; hold += 1) {
      names.add(folder.own);
      folder.moveIn();
      folder.moveOut();
    }
    expect(names.size).toBe(3);
    folder.close();
  });
});

describe.runIf(process.platform === 'linux')('the grant of a thread that comes back', () => {
  /** A grant whose release moves the folder out, and the file system that it calls. */
  function comesBack(path: string, fs: LockfileFs): GrantAtOnce {
    const turn = new Turn(fs, path, new IdleFiles(), () => {});
    (takeInTurn(turn, requestFor(path), undefined) as GrantAtOnce).release();
    const grant = takeInTurn(turn, requestFor(path), undefined) as GrantAtOnce;
    expect(turn.comesBack).toBe(true);
    return grant;
  }

  it.each(['ENOSPC', 'EIO', 'EMFILE'])('G16 is released also when there is no room for a new folder: %s', (code) => {
    const path = newLock();
    let full = false;
    const fs: LockfileFs = {
      ...synchronousFs,
      mkdir(folder, rights) {
        if (full) throw Object.assign(new Error(code), { code });
        return synchronousFs.mkdir(folder, rights);
      },
    };
    const grant = comesBack(path, fs);
    full = true;
    grant.release();
    tryAsOther(path)?.release();
    expect(inFolder('held')).not.toContain(`lock ${locks}`);
  });

  it.each(['before', 'after'])(
    'G4 is released, not lost, when the call that releases it fails %s it was done',
    (when) => {
      const path = newLock();
      let failing = false;
      const fs: LockfileFs = {
        ...synchronousFs,
        rename(from, to) {
          if (when === 'after') void synchronousFs.rename(from, to);
          if (failing) throw Object.assign(new Error('EIO'), { code: 'EIO' });
          if (!failing && when === 'before') void synchronousFs.rename(from, to);
        },
      };
      const grant = comesBack(path, fs);
      failing = true;
      grant.release();
      expect(inFolder('new')).toEqual([]);
      const next = tryAsOther(path);
      expect(next).toBeDefined();
      // It is closed: nothing of the next holder is touched.
      grant.release();
      grant.downgrade?.();
      expect(grant.upgrade?.()).toBeUndefined();
      expect(grant.refresh?.(false)).toBe(true);
      expect(tryAsOther(path)).toBeUndefined();
      next?.release();
    },
  );

  it('G4 rejects if it was removed by hand, and hurts no successor', () => {
    const path = newLock();
    const grant = comesBack(path, synchronousFs);
    const held = join(directory, '.oslo-concurrency', 'lockfile', 'held', `lock ${locks}`);
    rmSync(held, { recursive: true });
    const successor = tryAsOther(path);
    expect(() => grant.release()).toThrow(expect.objectContaining({ code: 'ERR_LOCK_LOST' }));
    expect(tryAsOther(path)).toBeUndefined();
    successor?.release();
  });

  it('G11 changes its mode like any other, and does nothing once it was released', () => {
    const path = newLock();
    const grant = comesBack(path, synchronousFs);
    grant.downgrade?.();
    const beside = other.tryAcquire({ ...requestFor(path), shared: true }) as GrantAtOnce;
    expect(beside).toBeDefined();
    beside.release();
    grant.release();
    const again = comesBack(newLock(), synchronousFs);
    again.release();
    again.downgrade?.();
    expect([again.upgrade?.(), again.refresh?.(false)]).toEqual([undefined, true]);
    expect(inFolder('held', `lock ${locks}`)).toEqual([]);
  });

  it('G11 is released after a downgrade that could not remove the file of the writer', () => {
    const path = newLock();
    let fails = false;
    const fs: LockfileFs = {
      ...synchronousFs,
      unlink(file) {
        if (fails) throw Object.assign(new Error('EIO'), { code: 'EIO' });
        return synchronousFs.unlink(file);
      },
    };
    const grant = comesBack(path, fs);
    fails = true;
    grant.downgrade?.();
    fails = false;
    grant.release();
    const next = tryAsOther(path);
    expect(next).toBeDefined();
    next?.release();
  });

  it('G19 a grant that came too late reports the death to the next holder', () => {
    const path = newLock();
    const turn = new Turn(synchronousFs, path, new IdleFiles(), () => {});
    const take = (): GrantAtOnce => takeInTurn(turn, requestFor(path), undefined) as GrantAtOnce;
    take().release();
    for (const unused of [true, false]) {
      if (unused) writeFileSync(join(directory, '.oslo-concurrency', 'lockfile', 'died', `lock ${locks}`), '');
      const grant = take();
      expect([turn.comesBack, grant.previousOwnerDied]).toEqual([true, true]);
      grant.release({ unused });
    }
    const grant = take();
    expect(grant.previousOwnerDied).toBe(false);
    grant.release({ unused: true });
    expect(tryAsOther(path)?.previousOwnerDied).toBe(false);
  });

  it('G18 names the label of each call', async () => {
    const path = newLock();
    const turn = new Turn(synchronousFs, path, new IdleFiles(), () => {});
    for (const label of ['one', 'one', 'one', 'another', undefined]) {
      const grant = takeInTurn(turn, { ...requestFor(path), label }, undefined) as GrantAtOnce;
      const [holder] = (await other.holders(requestFor(path))) as { label?: string }[];
      expect(holder?.label).toBe(label);
      grant.release();
    }
    await new Promise((resolve) => setImmediate(resolve));
    expect(inFolder('new')).toEqual([]);
  });

  it('G15 does not use a folder again whose file was removed', () => {
    const path = newLock();
    const turn = new Turn(synchronousFs, path, new IdleFiles(), () => {});
    const take = (): GrantAtOnce => takeInTurn(turn, requestFor(path), undefined) as GrantAtOnce;
    for (let hold = 0; hold < 2; hold += 1) take().release();
    for (const name of inFolder('new'))
      rmSync(join(directory, '.oslo-concurrency', 'lockfile', 'new', name, name), { force: true });
    const grant = take();
    expect(tryAsOther(path)).toBeUndefined();
    grant.release();
  });

  it('G15 makes the folders again that somebody removed', () => {
    const path = newLock();
    const turn = new Turn(synchronousFs, path, new IdleFiles(), () => {});
    const take = (): GrantAtOnce => takeInTurn(turn, requestFor(path), undefined) as GrantAtOnce;
    for (let hold = 0; hold < 2; hold += 1) take().release();
    rmSync(join(directory, '.oslo-concurrency'), { recursive: true });
    const grant = take();
    expect(tryAsOther(path)).toBeUndefined();
    grant.release();
    const next = tryAsOther(path);
    expect(next).toBeDefined();
    next?.release();
  });
});
