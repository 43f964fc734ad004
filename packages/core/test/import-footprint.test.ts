import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { importFootprint } from '../../../import-footprint.js';

interface Footprint {
  patched: string[];
  listenersAdded: string[];
  handlesAdded: number;
  looked: number;
}

const fixture = (name: string): string => join(import.meta.dirname, 'fixtures', name);

function footprintOf(specifier: string): Footprint {
  const said = execFileSync(process.execPath, [fixture('import-footprint.mjs'), specifier], { encoding: 'utf8' });
  return JSON.parse(said) as Footprint;
}

describe('importing core', () => {
  it('G22 adds no listener, patches nothing and opens nothing', () => {
    const { patched, listenersAdded, handlesAdded, looked } = footprintOf('@oslo-concurrency/core');
    expect({ patched, listenersAdded, handlesAdded }).toEqual({ patched: [], listenersAdded: [], handlesAdded: 0 });
    expect(looked).toBeGreaterThan(1000);
  });

  it.runIf(process.platform === 'linux')('G22 does not open standard input, so that a read of it still waits', () => {
    const flags = (program: string): number => {
      const script = `${program}; process._rawDebug(require('node:fs').readFileSync('/proc/self/fdinfo/0', 'utf8'))`;
      const { stderr } = spawnSync(process.execPath, ['-e', script], { cwd: import.meta.dirname, encoding: 'utf8' });
      return Number.parseInt(/flags:\s*(\d+)/.exec(stderr)?.[1] ?? '', 8);
    };
    const nonBlocking = 0o4000;
    expect(flags(`require('@oslo-concurrency/core')`) & nonBlocking).toBe(0);
    expect(flags('process.stdin') & nonBlocking, 'what this would see').toBe(nonBlocking);
  });

  it('G22 is one file of at most 30,000 characters, and needs at most 40 modules of Node', () => {
    const { files, kilocharacters, nodeModules } = importFootprint(import.meta.resolve('@oslo-concurrency/core'));
    expect(files).toHaveLength(1);
    expect(kilocharacters).toBeLessThanOrEqual(30);
    expect(nodeModules).toBeLessThanOrEqual(40);
  });

  it('would be caught if it did', () => {
    const caught = footprintOf(fixture('patches-at-import.mjs'));
    expect(caught.patched).toEqual(expect.arrayContaining(['fs.readFileSync', 'globalThis.Promise#finally']));
    expect(caught.listenersAdded).toEqual(['SIGTERM: 1']);
  });
});
