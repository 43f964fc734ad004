import { expect, it } from 'vitest';
import { lockDirectory } from '../support/lock-directory.js';
import { runFixture } from '../support/run-fixture.js';

it.concurrent.each(['before the call', 'before the import'])(
  'every kind of lock and lease settles in real time with all timers, ticks and clocks replaced %s',
  async (when) => {
    using base = lockDirectory();
    const { stdout, stderr } = await runFixture('everything-faked.mjs', { base: base.path, when });
    expect(stderr).toBe('');
    const report = Object.entries(JSON.parse(stdout) as Record<string, string>);
    expect(report.length).toBeGreaterThan(60);
    const expected = (title: string): string => {
      if (!title.includes('timeout')) return 'done';
      return title.startsWith('lease') ? 'ERR_LEASE_TIMEOUT' : 'ERR_LOCK_TIMEOUT';
    };
    expect(report.filter(([title, what]) => what !== expected(title))).toEqual([]);
  },
);
