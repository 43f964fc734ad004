import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { endTurnNow } from '../../build/drivers/end-of-turn.js';
import { Slice } from '../../build/drivers/slice.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A slice of a thread that has acquired the lock again in the turn in which it released it. */
function ofThreadThatComesBack(): Slice {
  for (;;) {
    const slice = new Slice();
    slice.begin(performance.now());
    slice.release(() => {});
    slice.hasGivenWay();
    slice.keep();
    // A busy machine may have ended it.
    if (!slice.isOver) return slice;
  }
}

it.each([
  ['of the kernel driver', 8, undefined],
  ['of the lockfile driver', 12, 12],
])('a turn %s ends after %i holds, not before 4 ms, and after as many ms', (_, holds, most) => {
  for (;;) {
    const slice = new Slice(most);
    const now = performance.now();
    slice.begin(now);
    for (let hold = 1; hold < 20; hold += 1) slice.keep();
    const over = [slice.isOver];
    slice.begin(now - 5);
    for (let hold = 1; hold < holds - 1; hold += 1) slice.keep();
    over.push(slice.isOver);
    slice.keep();
    over.push(slice.isOver);
    slice.begin(now - holds);
    over.push(slice.isOver);
    // A busy machine may have ended them.
    if (performance.now() - now > 2) continue;
    expect(over).toEqual([false, false, true, true]);
    return;
  }
});

describe('G28 the wake of the first waiter', () => {
  it('G28 is put off to the end of the turn by a thread that acquires the lock again, and dropped when it does', async () => {
    const slice = ofThreadThatComesBack();
    let wakes = 0;
    // Fewer holds than a slice has.
    for (let hold = 0; hold < 4 && !slice.isOver; hold += 1) {
      slice.release(() => (wakes += 1));
      if (slice.isOver) return;
      expect(wakes).toBe(0);
      expect(slice.hasGivenWay()).toBe(false);
      slice.keep();
    }
    await turn();
    expect(wakes).toBe(0);
  });

  it('G28 comes at the end of the turn if that thread does not acquire the lock again', async () => {
    const slice = ofThreadThatComesBack();
    let wakes = 0;
    slice.release(() => (wakes += 1));
    await turn();
    expect(wakes).toBe(1);
    // From now on it counts as a thread that goes on without the lock: it wakes the waiter at once.
    slice.keep();
    slice.release(() => (wakes += 1));
    expect(wakes).toBe(2);
    await turn();
    expect(wakes).toBe(2);
  });

  it('G28 comes before the thread exits or stops, which ends its turn', async () => {
    const slice = ofThreadThatComesBack();
    let wakes = 0;
    slice.release(() => (wakes += 1));
    endTurnNow();
    expect(wakes).toBe(1);
    await turn();
    expect(wakes).toBe(1);
  });

  it('G28 comes at once in a thread that exits, which has no other turn', () => {
    const built = (file: string): string => JSON.stringify(new URL(`../../build/drivers/${file}`, import.meta.url));
    const code = `
      const { noticeExit } = await import(${built('end-of-turn.js')});
      const { Slice } = await import(${built('slice.js')});
      noticeExit();
      let slice;
      do {
        slice = new Slice();
        slice.begin(performance.now());
        slice.release(() => {});
        slice.hasGivenWay();
        slice.keep();
      } while (slice.isOver);
      process.on('exit', () => slice.release(() => console.log('woken')));
      process.exit();`;
    expect(execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' })).toBe('woken\n');
  });
});
