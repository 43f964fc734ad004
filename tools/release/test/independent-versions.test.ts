import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ThrowAwayClone } from '../throw-away-clone.js';

let scratch: string;
let clone: ThrowAwayClone;
let runs = 0;
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'versions-'));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
beforeEach(() => {
  runs += 1;
  clone = new ThrowAwayClone(join(scratch, String(runs)));
});

const moved = (before: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(clone.versions()).filter(([short, version]) => before[short] !== version));

function rangesOfOurs(): string[] {
  return clone.packages.flatMap((short) =>
    Object.entries(clone.manifest(short).dependencies ?? {})
      .filter(([name]) => name.startsWith('@oslo-concurrency/'))
      .map(([, range]) => range),
  );
}

describe('G26 versions bump independently', () => {
  it('only what was announced moves while ranges still fit', () => {
    clone.pretend('1.0.0');
    const before = clone.versions();
    clone.announce('core', 'minor', 'Adds an option.');
    clone.version();
    expect(moved(before)).toEqual({ core: '1.1.0' });
    expect(rangesOfOurs().every((range) => range === '^1.0.0')).toBe(true);
  });

  it('patch of lockutils, minor of core, major of processutils', () => {
    clone.pretend('1.0.0');
    const before = clone.versions();
    clone.announce('lockutils', 'patch', 'Mends a wait.');
    clone.announce('core', 'minor', 'Adds an option.');
    clone.announce('processutils', 'major', 'Drops an option.');
    clone.version();
    expect(moved(before)).toEqual({ core: '1.1.0', lockutils: '1.0.1', processutils: '2.0.0' });
    expect(clone.changelog('lockutils')).toMatch(/## 1\.0\.1\n\n### Patch Changes\n\n- (\w+: )?Mends a wait\./);
    expect(clone.changelog('core')).toMatch(/## 1\.1\.0\n\n### Minor Changes\n\n- (\w+: )?Adds an option\./);
    expect(clone.changelog('processutils')).toMatch(/## 2\.0\.0\n\n### Major Changes\n\n- (\w+: )?Drops an option\./);
    expect(clone.changelog('fixture')).not.toContain('Adds an option');
    for (const range of rangesOfOurs()) expect(range).toMatch(/^\^\d+\.\d+\.\d+$/);
  });

  it('dependants move when their range no longer fits, by a patch that names why', () => {
    clone.pretend('1.0.0');
    const before = clone.versions();
    clone.announce('lockutils', 'major', 'Renames an option.');
    clone.version();
    const dependants = clone.packages.filter(
      (short) => clone.manifest(short).dependencies?.['@oslo-concurrency/lockutils'] !== undefined,
    );
    expect(dependants).toContain('fixture');
    expect(moved(before)).toEqual({
      lockutils: '2.0.0',
      ...Object.fromEntries(dependants.map((short) => [short, '1.0.1'])),
    });
    for (const short of dependants) {
      expect(clone.manifest(short).dependencies?.['@oslo-concurrency/lockutils']).toBe('^2.0.0');
      expect(clone.changelog(short)).toContain('Depends on `@oslo-concurrency/lockutils` 2.0.0');
    }
  });

  it('before 1.0 a minor is such a break, a patch is not', () => {
    clone.pretend('0.1.0');
    const before = clone.versions();
    clone.announce('core', 'patch', 'Mends a message.');
    clone.version();
    expect(moved(before)).toEqual({ core: '0.1.1' });
    clone.announce('core', 'minor', 'Adds an option.');
    clone.version();
    expect(clone.versions()).toMatchObject({
      core: '0.2.0',
      lockutils: '0.1.1',
      processutils: '0.1.1',
      fixture: '0.1.1',
    });
    for (const range of rangesOfOurs()) expect(range).toMatch(/^\^0\.\d+\.\d+$/);
  });

  it('what is announced now makes a version of every package that was never released', () => {
    const before = clone.versions();
    clone.version();
    for (const [short, version] of Object.entries(clone.versions())) {
      if (before[short] !== '0.0.0') continue;
      expect(version, short).toBe('0.1.0');
      expect(clone.changelog(short), short).toMatch(/## 0\.1\.0\n\n### Minor Changes\n\n- \S/);
    }
  });
});
