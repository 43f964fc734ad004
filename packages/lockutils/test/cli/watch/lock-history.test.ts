import { expect, it } from 'vitest';
import { LockHistory } from '../../../src/cli/watch/lock-history.js';
import type { LockStatus } from '../../../src/drivers/lock-status.js';
import type { Holder } from '../../../src/owner/holder.js';

const start = 1_000_000;
const status = (holders: readonly Holder[], more: Partial<LockStatus> = {}): LockStatus => ({
  name: 'job',
  lockFile: '/locks/job',
  state: holders.length === 0 ? 'free' : 'held',
  holders,
  permits: undefined,
  waiters: 0,
  ageMs: undefined,
  lastUsed: new Date(0),
  abandonedBy: undefined,
  ...more,
});
const holder = (pid: number, since: number): Holder => ({
  pid,
  host: 'a',
  command: 'node x.js',
  since: new Date(start + since),
});

it('a hold begins when its holder says, between two looks, and ends at the look that does not see it', () => {
  const history = new LockHistory('job', start);
  history.see(status([]), 0);
  history.see(status([holder(1, 30)], { waiters: 2 }), 100);
  history.see(status([holder(2, 150)]), 200);
  history.see(undefined, 300);
  const { rows, duration } = history.layout(400);
  expect(duration).toBe(400);
  expect(rows.map(({ label, bars }) => [label, bars.map(({ kind, from, to }) => [kind, from, to])])).toEqual([
    ['pid 1', [['hold', 30, 200]]],
    ['pid 2', [['hold', 150, 300]]],
    ['waiting', [['wait', 100, 200]]],
  ]);
  expect(history.summaries(400)).toEqual([
    { label: 'pid 1', description: 'node x.js on a', holds: 1, heldMs: 170 },
    { label: 'pid 2', description: 'node x.js on a', holds: 1, heldMs: 150 },
  ]);
});

it('a hold from before the beginning is drawn from the edge, one that goes on to the edge, and a clock set apart is not believed', () => {
  const history = new LockHistory('job', start);
  history.see(status([holder(1, -5000)]), 10);
  history.see(status([holder(1, -5000), holder(2, 999_999)], { state: 'shared' }), 100);
  const [first, second] = history.layout(250).rows;
  expect(first?.bars).toMatchObject([{ from: 0, to: 250, together: false }]);
  expect(second?.bars).toMatchObject([{ from: 100, to: 250, together: true }]);
  expect(history.layout(260).rows[0]?.bars, 'drawing changes nothing').toHaveLength(1);
});

it('two holds of one process are two bars of one row, and a death is marked once, if it came while the lock was watched', () => {
  const history = new LockHistory('job', start);
  const dead = holder(7, -100);
  history.see(status([], { abandonedBy: dead }), 0);
  history.see(status([holder(1, 10)]), 20);
  history.see(status([holder(1, 30)]), 40);
  history.see(status([], { abandonedBy: holder(1, 30) }), 60);
  history.see(status([], { abandonedBy: holder(1, 30) }), 80);
  const { rows } = history.layout(100);
  expect(rows.map(({ label }) => label)).toEqual(['pid 1']);
  expect(rows[0]?.bars.map(({ from, to }) => [from, to])).toEqual([
    [10, 40],
    [30, 60],
  ]);
  expect(rows[0]?.marks).toMatchObject([{ kind: 'fault', at: 60, tip: expect.stringContaining('died holding it') }]);
});
