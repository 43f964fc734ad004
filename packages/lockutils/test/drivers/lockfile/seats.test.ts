import { existsSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { FolderHold } from '../../../dist/drivers/lockfile/folder-hold.js';
import { LockFolder } from '../../../dist/drivers/lockfile/lock-folder.js';
import { Seats } from '../../../dist/drivers/lockfile/seats.js';
import type { Steps } from '../../../dist/drivers/lockfile/steps.js';
import { parseIdentityName } from '../../../dist/owner/identity-name.js';
import { testProperty } from '../../property-test.js';
import { everyInterleaving, Failure, makeLockPath, nameOf, steppedFs } from './interleaving.js';

const directory = makeLockPath();
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const hidden = (...names: string[]): string => join(directory, '.oslo-concurrency', 'lockfile', ...names);

type Deed = 'write' | 'read' | 'count' | 'write, downgrade' | 'read, upgrade' | 'read, upgrade, downgrade';
type Mode = 'out' | 'alone' | 'together' | 'counted';
const permits = 2;

interface Actor {
  readonly steps: Steps<void>;
  next: unknown;
  state: 'runs' | 'done' | 'crashed';
  mode: Mode;
}

let scenes = 0;

/** Actors at one lock, each of which tries once and does its deed call by call; who is in with whom is looked at. */
class Scene {
  readonly lockFile: string;
  readonly wrong: string[] = [];
  readonly told: string[] = [];
  readonly granted: Deed[] = [];
  readonly #actors: Actor[] = [];

  constructor() {
    scenes += 1;
    this.lockFile = join(directory, `lock ${scenes}`);
  }

  add(deed: Deed, keep = false): number {
    const index = this.#actors.length;
    this.#actors.push({ steps: this.#act(index, deed, keep), next: undefined, state: 'runs', mode: 'out' });
    return index;
  }

  runnable(): number[] {
    return this.#actors.flatMap(({ state }, index) => (state === 'runs' ? [index] : []));
  }

  step(index: number): void {
    const actor = this.#actor(index);
    const { next, steps } = actor;
    const result = next instanceof Failure ? steps.throw(next.error) : steps.next(next);
    actor.next = result.value;
    if (result.done === true) actor.state = 'done';
  }

  finish(index: number): void {
    for (let calls = 0; this.#actor(index).state === 'runs'; calls += 1) {
      if (calls > 2000) throw new Error(`actor ${index} does not come to an end`);
      this.step(index);
    }
  }

  enter(index: number): void {
    while (this.#actor(index).mode === 'out') this.step(index);
  }

  crash(index: number): void {
    this.#actor(index).state = 'crashed';
    this.#actor(index).mode = 'out';
  }

  /** Removes what those have left that keep the lock. */
  close(): void {
    rmSync(hidden('held', basename(this.lockFile)), { recursive: true, force: true });
  }

  modes(): Mode[] {
    return this.#actors.map(({ mode }) => mode);
  }

  #actor(index: number): Actor {
    const actor = this.#actors[index];
    if (actor === undefined) throw new RangeError(`no actor ${index}`);
    return actor;
  }

  #be(index: number, mode: Mode): void {
    this.#actor(index).mode = mode;
    const modes = this.modes();
    const count = (one: Mode): number => modes.filter((other) => other === one).length;
    const inside = modes.filter((one) => one !== 'out').length;
    if (count('alone') > 0 && inside > 1) this.wrong.push(`alone beside another: ${modes}`);
    if (count('counted') > permits) this.wrong.push(`too many: ${modes}`);
  }

  *#act(index: number, deed: Deed, keep: boolean): Steps<void> {
    const isDead = (name: string): boolean => {
      const { pid = 0 } = parseIdentityName(name) ?? {};
      return pid > 0 && this.#actor(pid - 1).state === 'crashed';
    };
    const seats = new Seats(steppedFs, this.lockFile, isDead, () => nameOf(index + 1));
    let hold: FolderHold;
    if (deed.startsWith('write')) {
      const lock = new LockFolder(steppedFs, this.lockFile, {
        own: seats.newName(),
        // biome-ignore lint/correctness/useYield: no call is needed here
        *isOver(name) {
          return isDead(name);
        },
        tidy: (names) => seats.tidy(names),
      });
      // As proper-lockfile does.
      let taken = yield* lock.take();
      if (!taken) {
        const found = yield* lock.judge();
        if (found === 'held') return;
        if (found === 'dead') yield* lock.breakDead();
        taken = yield* lock.take();
      }
      if (!taken) return;
      hold = new FolderHold(seats, { label: undefined }, lock);
      hold.previousOwnerDied = lock.previousOwnerDied;
    } else {
      hold = new FolderHold(seats, { label: undefined, permits: deed === 'count' ? permits : undefined });
      if (!(yield* hold.take())) return;
    }
    if (hold.previousOwnerDied) this.told.push(deed);
    this.granted.push(deed);
    this.#be(index, deed.startsWith('write') ? 'alone' : deed === 'count' ? 'counted' : 'together');
    // Some time inside, in which others can come.
    for (let moment = 0; moment < 6; moment += 1) yield undefined;
    if (deed === 'write, downgrade') {
      // Others may be in from some moment of this on; it is alone no more from its beginning.
      this.#be(index, 'together');
      yield* hold.downgrade();
    }
    if (deed.startsWith('read, upgrade') && (yield* hold.beginUpgrade())) {
      let alone = false;
      for (let attempts = 0; attempts < 3 && !alone; attempts += 1) alone = yield* hold.attemptUpgrade();
      if (alone) this.#be(index, 'alone');
      yield undefined;
      yield* hold.endUpgrade();
      if (deed.endsWith('downgrade')) {
        this.#be(index, 'together');
        yield* hold.downgrade();
      }
      yield undefined;
    }
    if (keep) return;
    this.#be(index, 'out');
    yield* hold.release();
  }
}

const changing: Deed[] = ['write, downgrade', 'read, upgrade', 'read, upgrade, downgrade'];
const deeds: Deed[] = ['write', 'read', 'count', 'count', 'count', ...changing];

describe('the seats of the lockfile driver, call by call', () => {
  testProperty(
    [
      fc.array(fc.constantFrom(...deeds), { minLength: 2, maxLength: 5 }),
      // In bursts, so that some stand still while others come and go.
      fc.array(fc.tuple(fc.nat(), fc.nat({ max: 19 }), fc.integer({ min: 1, max: 12 })), {
        minLength: 60,
        maxLength: 60,
      }),
      fc.boolean(),
    ],
    { numRuns: Number(process.env.FC_RUNS ?? 400) },
  )(
    'G11 nobody is alone beside another, no more than admitted are in, and it is free afterwards',
    (acts, plan, crashes) => {
      const scene = new Scene();
      for (const deed of acts) scene.add(deed);
      let crashed = 0;
      for (const [choice, fate, burst] of plan) {
        const runnable = scene.runnable();
        const index = runnable[choice % runnable.length];
        if (index === undefined) break;
        if (crashes && fate === 0) {
          scene.crash(index);
          crashed += 1;
        }
        for (let call = 0; call < burst && scene.runnable().includes(index); call += 1) scene.step(index);
      }
      for (const index of scene.runnable()) scene.finish(index);
      expect(scene.wrong).toEqual([]);
      expect(scene.told.length).toBeLessThanOrEqual(crashed);
      // Each of these is let in at once, whatever lies around.
      for (const deed of ['write', 'read', 'count', 'count', 'write'] as const) {
        const before = scene.granted.length;
        scene.finish(scene.add(deed));
        expect({ deed, granted: scene.granted.length - before }).toEqual({ deed, granted: 1 });
      }
      const name = basename(scene.lockFile);
      expect(existsSync(hidden('held', name)) && readdirSync(hidden('held', name))).toBe(false);
      if (crashed === 0) for (const kind of ['died', 'died-seats']) expect(existsSync(hidden(kind, name))).toBe(false);
    },
  );

  test.each<[Deed, Deed]>([
    ['write', 'read'],
    ['write', 'count'],
    ['read', 'count'],
  ])(
    'G11 of %s and %s, who come to a free lock, one at least gets it, in every order of their first calls',
    (one, other) => {
      const runs = everyInterleaving((choose) => {
        const scene = new Scene();
        scene.add(one, true);
        scene.add(other, true);
        // Whoever looks later sees no less: the first calls only look.
        for (const index of [0, 1]) for (let call = 0; call < 2; call += 1) scene.step(index);
        let left = 10;
        for (let next = scene.runnable(); next.length > 0; next = scene.runnable()) {
          left -= 1;
          scene.step(left > 0 ? choose(next) : (next[0] ?? 0));
        }
        expect(scene.wrong).toEqual([]);
        expect(scene.granted.length).toBeGreaterThan(0);
        scene.close();
      });
      expect(runs).toBeGreaterThan(50);
    },
  );

  test('G11 who upgrades meets nobody, and a writer that comes meanwhile is not between, in every order of their first calls', () => {
    const runs = everyInterleaving((choose) => {
      const scene = new Scene();
      const reader = scene.add('read, upgrade', true);
      scene.enter(reader);
      scene.add('write', true);
      let left = 9;
      for (let next = scene.runnable(); next.length > 0; next = scene.runnable()) {
        left -= 1;
        scene.step(left > 0 ? choose(next) : (next[0] ?? 0));
      }
      expect(scene.wrong).toEqual([]);
      expect(scene.modes()).toEqual(['alone', 'out']);
      scene.close();
    });
    expect(runs).toBeGreaterThan(50);
  });

  test('G11 of two who upgrade one does, in every order of their first calls', () => {
    everyInterleaving((choose) => {
      const scene = new Scene();
      for (const reader of [scene.add('read, upgrade', true), scene.add('read, upgrade')]) scene.enter(reader);
      let left = 9;
      for (let next = scene.runnable(); next.length > 0; next = scene.runnable()) {
        left -= 1;
        scene.step(left > 0 ? choose(next) : (next[0] ?? 0));
      }
      expect(scene.wrong).toEqual([]);
      scene.close();
    });
  });

  test('no more are admitted than permits, and one more when one has left', () => {
    const scene = new Scene();
    const [first] = [scene.add('count'), scene.add('count', true)] as const;
    scene.enter(first);
    scene.finish(1);
    scene.finish(scene.add('count'));
    expect(scene.granted).toHaveLength(2);
    scene.finish(first);
    scene.finish(scene.add('count', true));
    expect(scene.modes()).toEqual(['out', 'counted', 'out', 'counted']);
    expect(scene.wrong).toEqual([]);
  });

  test('G19 of the readers after a dead writer the first is told, and nobody else', () => {
    const scene = new Scene();
    const victim = scene.add('write', true);
    scene.enter(victim);
    scene.crash(victim);
    for (const deed of ['read', 'read', 'count', 'write'] as const) scene.finish(scene.add(deed, deed === 'read'));
    expect(scene.granted).toEqual(['write', 'read', 'read', 'count']);
    expect(scene.told).toEqual(['read']);
  });

  test('G19 who takes the seat of a dead permit holder is told, once; a dead reader is no news', () => {
    const scene = new Scene();
    for (const deed of ['count', 'read'] as const) {
      const victim = scene.add(deed, true);
      scene.enter(victim);
      scene.crash(victim);
    }
    for (const deed of ['write', 'read', 'count', 'count'] as const) scene.finish(scene.add(deed));
    expect(scene.told).toEqual(['count']);
    expect(existsSync(hidden('died-seats', basename(scene.lockFile)))).toBe(false);
  });
});
