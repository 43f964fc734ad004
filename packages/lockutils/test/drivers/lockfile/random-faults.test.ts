import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cleanLocks } from '@oslo-concurrency/lockutils';
import fc from 'fast-check';
import { afterEach, describe, expect } from 'vitest';
import { killChild } from '../../support/kill-child.js';
import { testProperty } from '../../support/property-test.js';

const program = fileURLToPath(new URL('../../fixtures/lock-again-and-again.mjs', import.meta.url));
const children = new Set<ChildProcess>();
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
});

/** Processes at one lock, some of which are killed and stopped while they go about it. */
class Crowd {
  readonly directory = mkdtempSync(join(tmpdir(), 'lock-path-'));
  readonly overlaps: string[] = [];
  grants = 0;
  afterDeath = 0;
  readonly #members: ChildProcess[] = [];
  readonly #fair: boolean;
  #onGrant = (): void => {};

  constructor(fair: boolean) {
    this.#fair = fair;
    mkdirSync(join(this.directory, 'locks'));
    mkdirSync(join(this.directory, 'witnesses'));
  }

  start(index: number): void {
    const child = fork(program, [
      join(this.directory, 'locks'),
      join(this.directory, 'witnesses'),
      this.#fair ? 'fair' : 'any',
    ]);
    children.add(child);
    child.once('exit', () => children.delete(child));
    child.on('message', (said: string) => {
      if (said.startsWith('overlap')) this.overlaps.push(said);
      if (said === 'after death') this.afterDeath += 1;
      this.grants += 1;
      this.#onGrant();
    });
    this.#members[index] = child;
  }

  /** Waits until so many more grants were made, by whomever. */
  async nextGrants(count: number): Promise<void> {
    const goal = this.grants + count;
    await new Promise<void>((resolve) => {
      this.#onGrant = () => {
        if (this.grants >= goal) resolve();
      };
    });
  }

  async kill(index: number): Promise<void> {
    const child = this.#member(index);
    await killChild(child);
    this.start(index);
  }

  signal(index: number, signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#member(index).kill(signal);
  }

  async stop(): Promise<void> {
    const ends = this.#members.map((child) => once(child, 'exit'));
    for (const child of this.#members) child.send('stop');
    await Promise.all(ends);
  }

  #member(index: number): ChildProcess {
    const child = this.#members[index];
    if (child === undefined) throw new RangeError(`no member ${index}`);
    return child;
  }
}

/** Removes what is unused among the locks, over and over, while others lock. */
class Cleaner {
  readonly #lockPath: string;
  readonly #result = { rounds: 0, failed: [] as unknown[] };
  #stopped = false;
  #done: Promise<void> = Promise.resolve();

  constructor(lockPath: string) {
    this.#lockPath = lockPath;
  }

  start(): void {
    this.#done = this.#clean();
  }

  async stop(): Promise<{ readonly rounds: number; readonly failed: readonly unknown[] }> {
    this.#stopped = true;
    await this.#done;
    return this.#result;
  }

  async #clean(): Promise<void> {
    while (!this.#stopped) {
      const { kept } = await cleanLocks({ lockPath: this.#lockPath, abandoned: this.#result.rounds % 2 === 1 });
      this.#result.failed.push(...kept.filter(({ reason }) => reason === 'failed'));
      this.#result.rounds += 1;
      await new Promise(setImmediate);
    }
  }
}

const size = 4;
const fault = fc.record({
  member: fc.nat({ max: size - 1 }),
  kind: fc.constantFrom('kill', 'kill', 'stop'),
  after: fc.integer({ min: 1, max: 6 }),
});

describe.runIf(process.platform === 'linux')('the lockfile driver among processes that are killed and stopped', () => {
  testProperty([fc.boolean(), fc.array(fault, { minLength: 12, maxLength: 12 })], {
    numRuns: Number(process.env.FC_RUNS ?? 2),
    endOnFailure: true,
  })('G1 G2 G15 lets no two in, and goes on after each, also while what is unused is removed', async (fair, faults) => {
    const crowd = new Crowd(fair);
    for (let index = 0; index < size; index += 1) crowd.start(index);
    const cleaner = new Cleaner(join(crowd.directory, 'locks'));
    for (const [index, { member, kind, after }] of faults.entries()) {
      // Half of it as it is without, when nobody but the next one puts out the dead.
      if (index === faults.length / 2) cleaner.start();
      await crowd.nextGrants(after);
      if (kind === 'kill') await crowd.kill(member);
      else {
        crowd.signal(member, 'SIGSTOP');
        // Others may or may not get it meanwhile: the one that stands may hold it, or its place in the line.
        for (let turn = 0; turn < 200; turn += 1) await new Promise(setImmediate);
        crowd.signal(member, 'SIGCONT');
      }
    }
    await crowd.nextGrants(5);
    const cleaned = await cleaner.stop();
    await crowd.stop();
    expect(cleaned.rounds).toBeGreaterThan(0);
    expect(cleaned.failed).toEqual([]);
    expect(crowd.overlaps).toEqual([]);
    expect(crowd.grants).toBeGreaterThan(faults.length);
    expect(crowd.afterDeath).toBeLessThanOrEqual(faults.filter(({ kind }) => kind === 'kill').length);
    const held = join(crowd.directory, 'locks', '.oslo-concurrency', 'lockfile', 'held');
    expect(readdirSync(held)).toEqual([]);
    rmSync(crowd.directory, { recursive: true });
  });
});
