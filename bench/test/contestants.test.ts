import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { Contestant, endContestants } from '../src/contestant.mjs';
import { Pool } from '../src/locks/pool.mjs';
import { contestantOf, present } from '../src/subjects.mjs';

let work: string;
const context = {
  missing: () => {},
  folder(subject: string) {
    const folder = join(work, subject.replaceAll(/\W+/g, '-'));
    mkdirSync(folder, { recursive: true });
    return folder;
  },
};
const isHere = (subject: string) => present(context, [subject]).then((found: string[]) => found.length === 1);

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'bench-test-'));
});
afterAll(async () => {
  await endContestants();
  rmSync(work, { recursive: true, force: true });
});

describe('processes that contend', () => {
  it.each(['ours', 'oslo'])('tell holds of %s that exclude each other, by one clock', async (subject) => {
    if (!(await isHere(subject))) return;
    const pool = new Pool(context);
    try {
      await pool.start(subject, 2);
      const each = await pool.contend(subject, 2, { name: 'clock', ms: 300, holdMs: 1, log: true });
      const holds = each
        .flatMap(({ holds: times }: { holds: number[] }) =>
          Array.from({ length: times.length / 2 }, (_, n) => [times[2 * n], times[2 * n + 1]]),
        )
        .sort(([a], [b]) => (a ?? 0) - (b ?? 0));
      expect(holds.length).toBe(each.reduce((all: number, { grants }: { grants: number }) => all + grants, 0));
      expect(holds.length).toBeGreaterThan(10);
      for (const [index, [granted]] of holds.slice(1).entries()) {
        expect(granted).toBeGreaterThanOrEqual(holds[index]?.[1] ?? Number.NaN);
      }
      expect(each.map(({ holds: times }: { holds: number[] }) => times.length > 0)).toContain(true);
    } finally {
      await pool.close();
    }
  });

  it('are warmed up once for each subject, however many cells they serve', async () => {
    const pool = new Pool(context);
    try {
      await pool.warm('ours', 2);
      const ask = vi.spyOn(Contestant.prototype, 'ask');
      await pool.warm('ours', 2);
      expect(ask).not.toHaveBeenCalled();
    } finally {
      vi.restoreAllMocks();
      await pool.close();
    }
  });

  it('log nothing unless they are asked', async () => {
    const pool = new Pool(context);
    try {
      await pool.start('ours', 1);
      const [one] = await pool.contend('ours', 1, { name: 'quiet', ms: 50, holdMs: 0 });
      expect(one.grants).toBeGreaterThan(0);
      expect(one.holds).toEqual([]);
    } finally {
      await pool.close();
    }
  });
});

describe('the parts of a lock', () => {
  it.each([
    ['ours', undefined],
    ['ours permits', undefined],
    ['ours', 100],
  ])(
    'of %s, with %s tasks that wait, are its system calls and the rest, and leave it free',
    async (subject, waiters) => {
      const { ask, contestant } = contestantOf(context, subject);
      try {
        const found = await ask('parts', { waiters, name: 'parts' });
        expect(Object.keys(found.parts)).toEqual(expect.arrayContaining(['fcntl', 'pwrite', 'fstat']));
        if (waiters === undefined) expect(found.parts.fcntl.calls).toBeGreaterThanOrEqual(2);
        else expect(found.parts.fcntl.calls).toBeLessThan(0.5);
        expect(found.callsUs).toBeGreaterThan(0);
        expect(found.wholeUs).toBeGreaterThan(found.callsUs);
        const again = contestantOf(context, subject);
        expect((await again.ask('take', { name: 'parts' })).at).toBeGreaterThan(0);
        await again.contestant.kill();
      } finally {
        await contestant.kill();
      }
    },
  );

  it('are told of a hand-over: the calls of the release, the wake, and the calls of the grant', async () => {
    const [holder, waiter] = [contestantOf(context, 'ours'), contestantOf(context, 'ours')];
    try {
      await holder.ask('take', { name: 'handed', timed: true });
      const size = () => statSync(join(context.folder('ours'), 'handed')).size;
      const before = size();
      const granted = waiter.ask('take', { name: 'handed', timed: true });
      // Until the wish of the waiter stands behind the record in the lock file, the release finds nobody to wake.
      await expect.poll(size).toBeGreaterThan(before);
      const released = await holder.ask('drop');
      const grant = await granted;
      expect(released.calls.map(({ name }: { name: string }) => name)).toContain('lutimesSync');
      expect(grant.calls.map(({ name }: { name: string }) => name)).toContain('tryLock');
      expect(grant.at).toBeGreaterThan(released.at);
    } finally {
      await Promise.all([holder, waiter].map(({ contestant }) => contestant.kill()));
    }
  });
});
