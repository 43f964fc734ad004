import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs, {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { claimLockPath, markedDriver } from '../../build/lock-path/driver-marker.js';
import { makeHiddenFolder } from '../../build/lock-path/hidden-folder.js';

const claimer = fileURLToPath(new URL('../fixtures/claim-lock-path.mjs', import.meta.url));
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lock-path-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const codeOf = (claim: () => void): string | undefined => {
  try {
    claim();
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return undefined;
};

/** Does something once, at the moment when a process has seen no marker and begins to make its own. */
function beforeMarkerIsMade(act: () => void): Disposable {
  const real = fs.mkdirSync;
  const restore = (): void => {
    fs.mkdirSync = real;
    syncBuiltinESMExports();
  };
  fs.mkdirSync = ((path: string, ...rest: never[]) => {
    if (!/[/\\]driver\.[0-9a-f-]{36}$/.test(path)) return real(path, ...rest);
    restore();
    act();
    return real(path, ...rest);
  }) as typeof fs.mkdirSync;
  syncBuiltinESMExports();
  return { [Symbol.dispose]: restore };
}

/** Calls `act` once, with the path, after (or before) the first call of `name` of node:fs whose path ends so. */
function onceAt(name: 'openSync' | 'renameSync' | 'rmSync', end: RegExp, act: () => void, before = false): Disposable {
  const real = fs[name] as (...args: unknown[]) => unknown;
  const put = (call: unknown): void => {
    Object.assign(fs, { [name]: call });
    syncBuiltinESMExports();
  };
  put((...args: unknown[]) => {
    if (!end.test(String(args[name === 'renameSync' ? 1 : 0]))) return real(...args);
    put(real);
    if (before) act();
    try {
      return real(...args);
    } finally {
      if (!before) act();
    }
  });
  return { [Symbol.dispose]: () => put(real) };
}

async function nextLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('no pipe');
  return String(((await once(child.stdout, 'data')) as [Buffer])[0]).trim();
}

describe('G20 a lock path belongs to one driver', () => {
  test('the first driver has it, also the second time; another one is told whose it is', () => {
    claimLockPath(directory, 'kernel');
    claimLockPath(directory, 'kernel');
    expect(() => claimLockPath(directory, 'lockfile')).toThrow(
      expect.objectContaining({ code: 'ERR_LOCK_DRIVER_MISMATCH', driver: 'lockfile', markedWith: 'kernel' }),
    );
    expect(readdirSync(join(directory, '.oslo-concurrency', 'driver'))).toEqual(['kernel']);
  });

  test('of processes that come first at the same time with two drivers, those of one are let in', async () => {
    const drivers = ['kernel', 'lockfile', 'kernel', 'lockfile', 'kernel', 'lockfile'];
    const children = drivers.map((driver) => spawn(process.execPath, [claimer, directory, driver]));
    await Promise.all(children.map(nextLine));
    const answers = children.map(nextLine);
    for (const child of children) child.stdin.write('go');
    const said = await Promise.all(answers);
    const [winner] = readdirSync(join(directory, '.oslo-concurrency', 'driver'));
    expect(said).toEqual(
      drivers.map((driver) => (driver === winner ? 'claimed' : `ERR_LOCK_DRIVER_MISMATCH ${winner}`)),
    );
    expect(readdirSync(join(directory, '.oslo-concurrency'))).toEqual(['driver']);
  });

  test.each(['kernel', 'lockfile'])(
    'of two drivers that mark it in the same moment the second learns which one was first: %s',
    (first) => {
      using _ = beforeMarkerIsMade(() => claimLockPath(directory, first));
      const code = codeOf(() => claimLockPath(directory, 'lockfile'));
      expect(code).toBe(first === 'lockfile' ? undefined : 'ERR_LOCK_DRIVER_MISMATCH');
      expect(readdirSync(join(directory, '.oslo-concurrency', 'driver'))).toEqual([first]);
      expect(readdirSync(join(directory, '.oslo-concurrency'))).toEqual(['driver']);
    },
  );

  test('G16 a marker that cannot be made is the error of the system, and leaves nothing', () => {
    const full = Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
    using _ = beforeMarkerIsMade(() => {
      throw full;
    });
    expect(codeOf(() => claimLockPath(directory, 'kernel'))).toBe('ENOSPC');
    expect(readdirSync(join(directory, '.oslo-concurrency'))).toEqual([]);
  });

  test('G16 a marker that cannot be read is not taken for none', () => {
    expect(markedDriver(directory)).toBeUndefined();
    makeHiddenFolder(directory);
    writeFileSync(join(directory, '.oslo-concurrency', 'driver'), '');
    expect(() => markedDriver(directory)).toThrow('ENOTDIR');
    expect(codeOf(() => claimLockPath(directory, 'kernel'))).toBe('ENOTDIR');
  });

  test('a marker that was removed is made again by the next claim', () => {
    claimLockPath(directory, 'kernel');
    rmSync(join(directory, '.oslo-concurrency'), { recursive: true });
    claimLockPath(directory, 'lockfile');
    expect(codeOf(() => claimLockPath(directory, 'kernel'))).toBe('ERR_LOCK_DRIVER_MISMATCH');
  });

  const remove = (...names: string[]): void =>
    rmSync(join(directory, '.oslo-concurrency', ...names), { recursive: true });
  const removals: [when: string, remove: () => Disposable][] = [
    ['before the marker is made', () => beforeMarkerIsMade(() => remove())],
    ['when it has just been found', () => onceAt('openSync', /\.oslo-concurrency$/, () => remove())],
    ['when the marker has just been made', () => onceAt('renameSync', /driver$/, () => remove())],
    ['with the files in it first', () => onceAt('renameSync', /driver$/, () => remove('driver', 'kernel'))],
    [
      'when another process has just marked it',
      () => {
        const removed = onceAt('rmSync', /driver\.[0-9a-f-]{36}$/, () => remove());
        const marked = onceAt('renameSync', /driver$/, () => claimLockPath(directory, 'lockfile'), true);
        return {
          [Symbol.dispose]() {
            marked[Symbol.dispose]();
            removed[Symbol.dispose]();
          },
        };
      },
    ],
  ];
  test.runIf(process.platform === 'linux').each(removals)(
    'a hidden folder that somebody removes %s is made again, and marked',
    (_when, removing) => {
      makeHiddenFolder(directory);
      {
        using _ = removing();
        claimLockPath(directory, 'kernel');
      }
      expect(readdirSync(join(directory, '.oslo-concurrency', 'driver'))).toEqual(['kernel']);
      expect(readdirSync(join(directory, '.oslo-concurrency'))).toEqual(['driver']);
    },
  );

  test.runIf(process.platform === 'linux')(
    'a folder in a hidden folder that somebody removes meanwhile is made',
    () => {
      using _ = onceAt('openSync', /\.oslo-concurrency$/, () => remove());
      makeHiddenFolder(directory, 'queue');
      expect(readdirSync(join(directory, '.oslo-concurrency'))).toEqual(['queue']);
    },
  );

  test('a driver may have any name', () => {
    claimLockPath(directory, '../x y');
    claimLockPath(directory, '../x y');
    expect(() => claimLockPath(directory, 'kernel')).toThrow('../x y');
  });

  test('G16 a link or file where the folder should be is not followed and not changed', () => {
    const elsewhere = join(directory, 'elsewhere');
    mkdirSync(elsewhere);
    symlinkSync(elsewhere, join(directory, '.oslo-concurrency'));
    expect(codeOf(() => claimLockPath(directory, 'kernel'))).toBe('ENOTDIR');
    expect(readdirSync(elsewhere)).toEqual([]);
    rmSync(join(directory, '.oslo-concurrency'));
    writeFileSync(join(directory, '.oslo-concurrency'), '');
    expect(codeOf(() => claimLockPath(directory, 'kernel'))).toBe('ENOTDIR');
  });

  test('G16 a link to a folder with a marker of the same driver is not followed', () => {
    const elsewhere = join(directory, 'elsewhere');
    mkdirSync(join(elsewhere, 'driver'), { recursive: true });
    writeFileSync(join(elsewhere, 'driver', 'kernel'), '');
    symlinkSync(elsewhere, join(directory, '.oslo-concurrency'));
    expect(codeOf(() => claimLockPath(directory, 'kernel'))).toBe('ENOTDIR');
  });

  test('G16 where nothing can be made the error is the system’s, and a marked one is still of use', () => {
    const missing = join(directory, 'missing');
    expect(codeOf(() => claimLockPath(missing, 'kernel'))).toBe('ENOENT');
    // /proc refuses to make anything, root or not.
    if (process.platform === 'linux') expect(codeOf(() => claimLockPath('/proc', 'kernel'))).toBe('ENOENT');
  });

  test.skipIf(process.platform === 'win32')(
    'the hidden folders have the mode of the lock path, whatever the umask',
    () => {
      chmodSync(directory, 0o2775);
      const before = process.umask(0o077);
      try {
        const made = makeHiddenFolder(directory, 'queue');
        claimLockPath(directory, 'kernel');
        expect(statSync(made).mode & 0o7777).toBe(0o2775);
        expect(statSync(join(directory, '.oslo-concurrency', 'driver')).mode & 0o777).toBe(0o755);
      } finally {
        process.umask(before);
      }
    },
  );
});
