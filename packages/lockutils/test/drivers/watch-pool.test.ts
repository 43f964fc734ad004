import { mkdirSync, rmdirSync, watch, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { WatchPool } from '../../build/drivers/watch-pool.js';
import { lockDirectory } from '../support/lock-directory.js';

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
});
