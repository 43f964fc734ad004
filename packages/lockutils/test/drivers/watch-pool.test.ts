import { existsSync, type FSWatcher, mkdirSync, renameSync, rmdirSync, watch, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { WatchPool } from '../../build/drivers/watch-pool.js';
import { lockDirectory } from '../support/lock-directory.js';

// Elsewhere, a watched folder cannot be moved, or its watcher reports other events.
const onLinux = it.runIf(process.platform === 'linux');

describe('watch pool', () => {
  const pool = () => new WatchPool((path, listener) => watch(path, { persistent: false }, listener));

  it('G6 hears of entries of a folder that was removed and made again during the wait', async () => {
    using directory = lockDirectory();
    const folder = join(directory.path, 'folder');
    mkdirSync(folder);
    const heard = new Set<string | undefined>();
    const stop = pool().subscribe(folder, (name) => heard.add(name));
    rmdirSync(folder);
    mkdirSync(folder);
    await expect.poll(() => heard.has('folder')).toBe(true);
    writeFileSync(join(folder, 'entry'), '');
    await expect.poll(() => heard.has('entry')).toBe(true);
    stop();
  });

  it('G6 goes on to hear of a folder after an entry of its own name', async () => {
    using directory = lockDirectory();
    const heard = new Set<string | undefined>();
    const stop = pool().subscribe(directory.path, (name) => heard.add(name));
    mkdirSync(join(directory.path, basename(directory.path)));
    await expect.poll(() => heard.has(basename(directory.path))).toBe(true);
    writeFileSync(join(directory.path, 'entry'), '');
    await expect.poll(() => heard.has('entry')).toBe(true);
    stop();
  });

  it('stops a listener that was given twice once for each', async () => {
    using directory = lockDirectory();
    const heard: (string | undefined)[] = [];
    const listener = (name: string | undefined) => heard.push(name);
    const watches = pool();
    const stops = [watches.subscribe(directory.path, listener), watches.subscribe(directory.path, listener)];
    stops[0]?.();
    mkdirSync(join(directory.path, 'entry'));
    await expect.poll(() => heard).toEqual(['entry']);
    stops[1]?.();
  });

  /** A pool, and the watchers that it has started. */
  function counted() {
    const started: FSWatcher[] = [];
    const watches = new WatchPool((path, listener) => {
      const watcher = watch(path, { persistent: false }, listener);
      started.push(watcher);
      return watcher;
    });
    return { started, watches };
  }

  function moveAway(folder: string): void {
    renameSync(folder, `${folder}-old`);
    mkdirSync(folder);
  }

  onLinux('G28 a wait hears of the folder at its path, though the one of an earlier wait was moved away', async () => {
    using directory = lockDirectory();
    const folder = join(directory.path, 'parent', 'folder');
    mkdirSync(folder, { recursive: true });
    const { started, watches } = counted();
    watches.subscribe(folder, () => {})();
    moveAway(join(directory.path, 'parent'));
    const heard = new Set<string | undefined>();
    let closed = false;
    started[0]?.on('close', () => {
      closed = true;
    });
    const stop = watches.subscribe(
      folder,
      (name) => heard.add(name),
      () => mkdirSync(folder),
    );
    await expect.poll(() => closed).toBe(true);
    writeFileSync(join(folder, 'entry'), '');
    await expect.poll(() => heard.has('entry')).toBe(true);
    stop();
    expect(started).toHaveLength(2);
  });

  onLinux(
    'G28 a wait whose folder was moved away hears that when another wait begins, and then of the folder at its path',
    async () => {
      using directory = lockDirectory();
      const folder = join(directory.path, 'parent', 'folder');
      mkdirSync(folder, { recursive: true });
      const { watches } = counted();
      const heard: (string | undefined)[] = [];
      const stop = watches.subscribe(folder, (name) => heard.push(name));
      moveAway(join(directory.path, 'parent'));
      mkdirSync(folder);
      const stopOther = watches.subscribe(folder, () => {});
      expect(heard).toEqual([undefined]);
      mkdirSync(join(folder, 'entry'));
      await expect.poll(() => heard).toEqual([undefined, 'entry']);
      stop();
      stopOther();
    },
  );

  onLinux(
    'G28 a wait hears of the folder at its path, though the one of an earlier wait was moved away while its watcher began',
    async () => {
      using directory = lockDirectory();
      const folder = join(directory.path, 'parent', 'folder');
      mkdirSync(folder, { recursive: true });
      let begins = 0;
      const watches = new WatchPool((path, listener) => {
        const watcher = watch(path, { persistent: false }, listener);
        begins += 1;
        if (begins > 1) return watcher;
        moveAway(join(directory.path, 'parent'));
        mkdirSync(folder);
        return watcher;
      });
      watches.subscribe(folder, () => {})();
      const heard = new Set<string | undefined>();
      const stop = watches.subscribe(folder, (name) => heard.add(name));
      mkdirSync(join(folder, 'entry'));
      await expect.poll(() => heard.has('entry')).toBe(true);
      stop();
    },
  );

  it('G6 waits for one folder share a watcher, and none of them hears that another begins', () => {
    using directory = lockDirectory();
    const { started, watches } = counted();
    let heard = 0;
    const stops = [1, 2, 3].map(() =>
      watches.subscribe(directory.path, () => {
        heard += 1;
      }),
    );
    for (const stop of stops) stop();
    expect({ heard, started: started.length }).toEqual({ heard: 0, started: 1 });
  });

  onLinux('G28 a wait goes on to hear of its folder after others removed it: the pool makes it again', async () => {
    using directory = lockDirectory();
    const folder = join(directory.path, 'folder');
    const heard = new Set<string | undefined>();
    const stop = counted().watches.subscribe(
      folder,
      (name) => heard.add(name),
      () => mkdirSync(folder),
    );
    for (const entry of ['one', 'two']) {
      rmdirSync(folder);
      heard.clear();
      await expect.poll(() => heard.has('folder') && existsSync(folder)).toBe(true);
      mkdirSync(join(folder, entry));
      await expect.poll(() => heard.has(entry)).toBe(true);
      rmdirSync(join(folder, entry));
    }
    stop();
  });

  onLinux('G6 a folder that was removed, and cannot be made again, is tried once and harms no wait', async () => {
    using directory = lockDirectory();
    const folder = join(directory.path, 'folder');
    mkdirSync(folder);
    const { started, watches } = counted();
    const heard: (string | undefined)[] = [];
    let tries = 0;
    const stop = watches.subscribe(
      folder,
      (name) => heard.push(name),
      () => {
        tries += 1;
        if (!existsSync(folder)) throw new Error('cannot be made');
      },
    );
    rmdirSync(folder);
    expect(watches.subscribeIfThere(folder, () => {})).toBeUndefined();
    // The wait that was there has its watcher still, which tells it.
    await expect.poll(() => heard).toEqual(['folder']);
    expect({ tries, started: started.length }).toEqual({ tries: 2, started: 1 });
    mkdirSync(folder);
    const stopOther = watches.subscribeIfThere(folder, () => {});
    expect(stopOther).toBeDefined();
    stop();
    stopOther?.();
  });
});
