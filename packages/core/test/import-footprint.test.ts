import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

interface Footprint {
  milliseconds: number;
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
  it('G22 adds no listener, patches nothing, opens nothing, and takes less than 15 ms', () => {
    // The quickest of several: other work on the machine can only add to it.
    const runs: Footprint[] = [];
    while (runs.length < 20 && !runs.some(({ milliseconds }) => milliseconds < 15)) {
      runs.push(footprintOf('@oslo-concurrency/core'));
    }
    for (const { patched, listenersAdded, handlesAdded, looked } of runs) {
      expect({ patched, listenersAdded, handlesAdded }).toEqual({ patched: [], listenersAdded: [], handlesAdded: 0 });
      expect(looked).toBeGreaterThan(1000);
    }
    expect(Math.min(...runs.map(({ milliseconds }) => milliseconds))).toBeLessThan(15);
  });

  it('would be caught if it did', () => {
    const caught = footprintOf(fixture('patches-at-import.mjs'));
    expect(caught.patched).toEqual(expect.arrayContaining(['fs.readFileSync', 'globalThis.Promise#finally']));
    expect(caught.listenersAdded).toEqual(['SIGTERM: 1']);
    expect(caught.milliseconds).toBeGreaterThan(15);
  });
});
