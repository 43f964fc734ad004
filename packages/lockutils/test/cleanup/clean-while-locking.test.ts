import { describe, expect, it } from 'vitest';
import { cleanWhileLocking, faultsIn } from '../soak/clean-while-locking.mjs';

const seed = Number(process.env.FC_SEED ?? Math.floor(Math.random() * 2 ** 31));
// Each ends as soon as it has seen enough, which takes a busy machine much longer than an idle one.
const seconds = 150;

describe.runIf(process.platform === 'linux')(`G15 cleaning while processes lock (FC_SEED=${seed})`, () => {
  it('G15 lets no two in, leaves a bounded number of files, and none in the end', async () => {
    const enough = { grants: 500, removed: 100 };
    const plan = { processes: 6, names: 60, seconds, seed, enough };
    const result = await cleanWhileLocking(plan);
    expect(faultsIn(result, plan)).toEqual([]);
    expect(result.grants).toBeGreaterThanOrEqual(enough.grants);
    expect(result.removed).toBeGreaterThanOrEqual(enough.removed);
  });

  it('G15 would find a cleaner that removes without holding', async () => {
    const result = await cleanWhileLocking({
      ...{ processes: 4, names: 6, seconds, seed, untilOverlap: true },
      cleaner: 'without holding',
    });
    expect(result.overlaps).not.toEqual([]);
  });

  it('G15 would find a lock that does not look whether its file was removed', async () => {
    const result = await cleanWhileLocking({
      ...{ processes: 4, names: 6, seconds, seed, untilOverlap: true },
      locks: 'without inode check',
    });
    expect(result.overlaps).not.toEqual([]);
  });
});
