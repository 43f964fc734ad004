import { mkdtempSync, readdirSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lockfileDriver, synchronousFs } from '../../../dist/drivers.js';
import type { Grant } from '../../../dist/index.js';
import { failingAt } from '../../support/lockfile/failing-fs.js';
import { dieHolding } from '../../support/lockfile/fault-points.js';
import { endChildren } from '../../support/lockfile/obedient-child.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lock-path-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const request = (more: { shared?: boolean; permits?: number } = {}) => ({
  ...{ name: 'job', path: join(directory, 'job'), shared: false, permits: undefined, label: undefined },
  ...more,
});
const here = lockfileDriver({ synchronous: true });
const tryHere = (more = {}): Grant | undefined => here.tryAcquire(request(more)) as Grant | undefined;

type Life = 'read' | 'count' | 'write and downgrade' | 'read and upgrade';
const asked = { read: { shared: true }, count: { permits: 2 }, 'read and upgrade': { shared: true } } as const;

/** What is done while it is held; nobody else may be in who must not be, whether a call fails or not. */
async function change(life: Life, grant: Grant): Promise<void> {
  if (life === 'write and downgrade') await grant.downgrade?.();
  if (life !== 'read and upgrade') return;
  const upgrade = await grant.upgrade?.();
  try {
    if (await upgrade?.attempt()) expect(tryHere({ shared: true })).toBeUndefined();
  } finally {
    await upgrade?.end();
  }
}

describe.each<Life>(['read', 'count', 'write and downgrade', 'read and upgrade'])('G16 to %s', (life) => {
  test.each([
    ['EIO', false],
    ['EACCES', true],
  ] as const)('with %s from any call (answer lost: %s) is safe, says so, and leaves nothing', async (code, done) => {
    for (let at = 1; at <= 26; at += 1) {
      const driver = lockfileDriver({ fs: failingAt(at, code, done), synchronous: at % 2 === 0 });
      const trouble: unknown[] = [];
      const note = (error: unknown): void => {
        trouble.push(error);
      };
      const grant = await Promise.resolve()
        .then(() => driver.tryAcquire(request(life === 'write and downgrade' ? {} : asked[life])))
        .catch(note);
      if (grant) {
        expect(tryHere()).toBeUndefined();
        await change(life, grant).catch(note);
        expect(tryHere()).toBeUndefined();
        await Promise.resolve()
          .then(() => grant.release())
          .catch(async (error: unknown) => {
            note(error);
            // It may be called again, and whether the first call came through or not, this one does.
            await grant.release();
          });
      }
      for (const error of trouble) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_LOCK_(PATH|FILE_ACCESS|FILE_SYSTEM)$/) });
      }
      const next = tryHere();
      expect({ at, free: next !== undefined, told: next?.previousOwnerDied }).toEqual({ at, free: true, told: false });
      await next?.release();
      expect(readdirSync(join(directory, '.oslo-concurrency', 'lockfile', 'held'))).toEqual([]);
    }
  });
});

describe.runIf(process.platform === 'linux')('the news of a dead permit holder', () => {
  afterEach(endChildren);

  test('G19 is passed on by a late grant, though its folder is removed as empty between the making and the rename', async () => {
    await dieHolding([join(directory, 'job')], [{ permits: 1 }]);
    const news = join(directory, '.oslo-concurrency', 'lockfile', 'died-seats', 'job');
    let removals = 0;
    const fs = {
      ...synchronousFs,
      rename(from: string, to: string) {
        renameSync(from, to);
        if (to !== news) return;
        removals += 1;
        if (removals < 10) rmdirSync(news);
      },
    };
    const late = (await lockfileDriver({ fs, synchronous: true }).tryAcquire(request({ permits: 1 }))) as Grant;
    expect(late.previousOwnerDied).toBe(true);
    removals = 0;
    await late.release({ unused: true });
    expect(removals).toBeGreaterThan(5);
    const tellings = [tryHere({ permits: 1 })].map((grant) => [grant?.previousOwnerDied, grant?.release()][0]);
    expect([...tellings, tryHere({ permits: 1 })?.previousOwnerDied]).toEqual([true, false]);
  });
});
