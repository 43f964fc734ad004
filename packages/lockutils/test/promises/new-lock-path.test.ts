import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { killChild } from '../support/kill-child.js';
import { lockDirectory } from '../support/lock-directory.js';

const program = new URL('../fixtures/meets-in-lock-path.mjs', import.meta.url);
const ways = [{}, { fair: true }, { permits: 2 }, { shared: true }, { removeOnRelease: true }];
const rounds = process.env.SOAK ? 2000 : 200;
let children: ChildProcess[];
beforeAll(async () => {
  children = Array.from({ length: 4 }, () => fork(program));
  await Promise.all(children.map((child) => once(child, 'message')));
});
afterAll(() => Promise.all(children.map(killChild)));

// A folder that one of them has just made may be replaced by that of another: some in ten thousand calls met that.
describe.each(['kernel', 'lockfile'])('processes that meet in a new lock path, driver %s', (driver) => {
  /** Lets them all lock once in a lock path of its own, and expects that each is granted the lock. */
  async function meet(lockPath: string, options: object, hold?: number): Promise<void> {
    mkdirSync(lockPath);
    const at = Date.now() + 2;
    const ends = children.map(async (child) => {
      const answer = once(child, 'message');
      child.send({ lockPath, driver, options, hold, at });
      return (await answer)[0];
    });
    expect(await Promise.all(ends)).toEqual(children.map(() => 'held'));
  }

  test('G9 G16 are all granted the lock, whichever of them makes the folders', async () => {
    using directory = lockDirectory();
    for (let round = 0; round < rounds; round += 1) {
      await meet(join(directory.path, String(round)), ways[round % ways.length] ?? {});
    }
  });

  test('G28 are all woken by the release before theirs, whichever of them makes the folders', async () => {
    using directory = lockDirectory();
    // Their timeout ends a wait in which nobody wakes them: they look by themselves only after a minute.
    const byWakes = { delay: 60_000, timeout: 10_000 };
    for (let round = 0; round < rounds / 4; round += 1) {
      await meet(join(directory.path, String(round)), { ...byWakes, ...ways[round % 2] }, 1);
    }
  });
});
