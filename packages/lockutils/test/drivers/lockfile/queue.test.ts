import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { TicketFolder } from '../../../build/drivers/lockfile/queue.js';
import type { Steps } from '../../../build/steps.js';
import { Failure, makeLockPath, nameOf, steppedFs } from '../../support/lockfile/interleaving.js';
import { testProperty } from '../../support/property-test.js';

const directory = makeLockPath();
afterAll(() => rmSync(directory, { recursive: true, force: true }));
let lines = 0;

interface Waiter {
  readonly steps: Steps<void>;
  next: unknown;
  state: 'coming' | 'joining' | 'waiting' | 'first' | 'leaving' | 'gone' | 'crashed';
  /** Those who had joined when this one began to. */
  earlier: readonly number[];
}

/** Waiters at one line, each of which joins, waits to be first and leaves, call by call. */
class Line {
  readonly waiters: Waiter[] = [];
  readonly lockFile: string;

  constructor(count: number) {
    lines += 1;
    this.lockFile = join(directory, `lock ${lines}`);
    for (let index = 0; index < count; index += 1) {
      const ticket = new TicketFolder(steppedFs, this.lockFile, nameOf(index + 1), ({ pid }) =>
        this.#waiter(pid - 1).state === 'crashed' ? 'dead' : 'alive',
      );
      this.waiters.push({ steps: this.#live(ticket, index), next: undefined, state: 'coming', earlier: [] });
    }
  }

  runnable(): number[] {
    return this.waiters.flatMap(({ state }, index) => (state === 'gone' || state === 'crashed' ? [] : [index]));
  }

  step(index: number): void {
    const waiter = this.#waiter(index);
    const { next, steps } = waiter;
    waiter.next = (next instanceof Failure ? steps.throw(next.error) : steps.next(next)).value;
  }

  advance(index: number, state: Waiter['state']): void {
    while (this.#waiter(index).state !== state) this.step(index);
  }

  crash(index: number): void {
    this.#waiter(index).state = 'crashed';
  }

  #waiter(index: number): Waiter {
    const waiter = this.waiters[index];
    if (waiter === undefined) throw new RangeError(`no waiter ${index}`);
    return waiter;
  }

  *#live(ticket: TicketFolder, index: number): Steps<void> {
    const self = this.#waiter(index);
    const inLine = ({ state }: Waiter): boolean => state === 'waiting' || state === 'first';
    self.earlier = this.waiters.flatMap((other, at) => (inLine(other) ? [at] : []));
    self.state = 'joining';
    yield* ticket.join(undefined);
    self.state = 'waiting';
    while (!(yield* ticket.isFirst())) yield undefined;
    expect(this.waiters.filter(({ state }) => state === 'first')).toEqual([]);
    expect(self.earlier.filter((other) => inLine(this.#waiter(other)))).toEqual([]);
    self.state = 'first';
    yield undefined;
    self.state = 'leaving';
    yield* ticket.leave();
    self.state = 'gone';
  }
}

describe('the line of the lockfile driver, call by call', () => {
  testProperty(
    [
      fc.integer({ min: 2, max: 5 }),
      // In bursts, so that some stand still while others come and go.
      fc.array(fc.tuple(fc.nat(), fc.nat({ max: 39 }), fc.integer({ min: 1, max: 16 })), { minLength: 30 }),
    ],
    { numRuns: Number(process.env.FC_RUNS ?? 500) },
  )('G10 is first come, first served, one at a time, with crashes between any two calls', (count, schedule) => {
    const line = new Line(count);
    for (const [choice, fate, burst] of schedule) {
      const runnable = line.runnable();
      const index = runnable[choice % runnable.length];
      if (index === undefined) break;
      if (fate === 0) line.crash(index);
      for (let call = 0; call < burst && line.runnable().includes(index); call += 1) line.step(index);
    }
    // Everybody comes to his turn. 3,000 calls are many times what that takes.
    for (let rounds = 0; line.runnable().length > 0 && rounds < 3000; rounds += 1) {
      for (const index of line.runnable()) line.step(index);
    }
    expect(line.runnable()).toEqual([]);
    const left = readdirSync(join(directory, '.oslo-concurrency', 'lockfile', 'queue'));
    if (line.waiters.every(({ state }) => state === 'gone')) expect(left).not.toContain(`lock ${lines}`);
  });

  test('the ticket of a dead waiter is removed by the next one', () => {
    const line = new Line(2);
    line.advance(0, 'waiting');
    line.crash(0);
    line.advance(1, 'first');
    const queue = join(directory, '.oslo-concurrency', 'lockfile', 'queue', `lock ${lines}`);
    expect(readdirSync(queue)).toEqual(['2']);
  });

  test('G10 who stood still between looking and taking a number passes nobody who came meanwhile', () => {
    const [first, still, second, third] = [0, 1, 2, 3] as const;
    const line = new Line(4);
    line.advance(first, 'waiting');
    // Its owner file is made, and it has seen that number 2 is next.
    for (let call = 0; call < 3; call += 1) line.step(still);
    line.advance(second, 'waiting');
    line.advance(third, 'waiting');
    line.advance(first, 'gone');
    line.advance(second, 'gone');
    line.advance(third, 'first');
    for (let call = 0; call < 50; call += 1) line.step(still);
    expect(line.waiters[still]?.state).toBe('waiting');
    line.advance(third, 'gone');
    line.advance(still, 'gone');
  });
});
