import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FolderHold } from '../../../build/drivers/lockfile/folder-hold.js';
import { LockFolder } from '../../../build/drivers/lockfile/lock-folder.js';
import { Seats } from '../../../build/drivers/lockfile/seats.js';
import { type LockfileFs, synchronousFs } from '../../../build/drivers/lockfile/system.js';
import { makeHiddenFolder } from '../../../build/lock-path/hidden-folder.js';
import { parseIdentityName } from '../../../build/owner/identity-name.js';
import type { Steps } from '../../../build/steps.js';

// A memory file system where there is one: tens of thousands of runs on a real file system, each call for real.
export function makeLockPath(): string {
  try {
    return mkdtempSync('/dev/shm/lock-path-');
  } catch {
    return mkdtempSync(join(tmpdir(), 'lock-path-'));
  }
}

/** An error that a call came to. */
export class Failure {
  readonly error: unknown;
  constructor(error: unknown) {
    this.error = error;
  }
}

// A call that fails is yielded like one that succeeds, so that others can come between it and what follows.
export const steppedFs = Object.fromEntries(
  Object.entries(synchronousFs).map(([name, call]) => [
    name,
    (...args: unknown[]) => {
      try {
        return (call as (...args: unknown[]) => unknown)(...args);
      } catch (error) {
        return new Failure(error);
      }
    },
  ]),
) as unknown as LockfileFs;

/** One file system call that was made: the paths that it reads or changes. */
interface Call {
  readonly reads: boolean;
  readonly paths: readonly string[];
}

let calls: Call[] = [];

const recordedFs = Object.fromEntries(
  Object.entries(steppedFs).map(([name, call]) => [
    name,
    (...args: unknown[]) => {
      const paths = args.filter((arg) => typeof arg === 'string');
      calls.push({ reads: ['exists', 'readdir', 'readFile'].includes(name), paths });
      return (call as (...args: unknown[]) => unknown)(...args);
    },
  ]),
) as unknown as LockfileFs;

const isWithin = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

/** Whether neither call can notice which of them was made first. */
function areIndependent(one: Call, other: Call): boolean {
  if (one.reads && other.reads) return true;
  return !one.paths.some((path) => other.paths.some((beside) => isWithin(path, beside) || isWithin(beside, path)));
}

/** How the lock stands when the actors come. */
export type Start = 'free' | 'empty folder' | 'dead holder';

interface Actor {
  readonly steps: Steps<void>;
  next: unknown;
  done: boolean;
  crashed: boolean;
  inside: boolean;
}

/** Some actors at one lock, each of which tries once, and goes through its file system calls one by one. */
export class Scene {
  inside = 0;
  mostInside = 0;
  grants = 0;
  toldOfDeath: boolean[] = [];
  readonly lockFile: string;
  readonly #dead = new Set<number>();
  readonly #actors: Actor[] = [];
  #pids = 1000;
  #last: { readonly index: number; readonly calls: readonly Call[]; readonly inOrOut: boolean } | undefined;

  constructor(directory: string, name: string, start: Start) {
    this.lockFile = join(directory, name);
    const held = join(makeHiddenFolder(directory, 'lockfile', 'held'), name);
    if (start !== 'free') mkdirSync(held);
    if (start !== 'dead holder') return;
    this.#dead.add(999);
    writeFileSync(join(held, nameOf(999)), '');
  }

  /** Adds one that tries, and unless it is to keep the lock, releases it afterwards. */
  add(keep = false): number {
    this.#pids += 1;
    const isDead = (name: string): boolean => this.#dead.has(parseIdentityName(name)?.pid ?? 0);
    const folder = new LockFolder(recordedFs, this.lockFile, {
      own: nameOf(this.#pids),
      // biome-ignore lint/correctness/useYield: no call is needed here
      *isOver(name) {
        return isDead(name);
      },
    });
    const index = this.#actors.length;
    this.#actors.push({
      steps: this.#act(folder, index, keep),
      next: undefined,
      done: false,
      crashed: false,
      inside: false,
    });
    return index;
  }

  /** Those who can go on. */
  runnable(): number[] {
    return this.#actors.flatMap(({ done, crashed }, index) => (done || crashed ? [] : [index]));
  }

  /** Lets one do its next call. */
  step(index: number): void {
    calls = [];
    const actor = this.#actor(index);
    const { done, value } =
      actor.next instanceof Failure ? actor.steps.throw(actor.next.error) : actor.steps.next(actor.next);
    actor.next = value;
    actor.done = done === true;
  }

  /**
   * Lets one do its next call. Returns `false` if the actor that went before it has a greater number and neither noticed the
   * other: the order in which these two are exchanged comes to the same, so this one need not be followed further. Of all
   * orders that come to the same, the one with the smallest numbers first is followed to its end.
   */
  stepInNewOrder(index: number): boolean {
    const last = this.#last;
    const { inside, grants } = this;
    this.step(index);
    const inOrOut = inside !== this.inside || grants !== this.grants;
    this.#last = { index, calls, inOrOut };
    if (last === undefined || last.index <= index || (last.inOrOut && inOrOut)) return true;
    return !last.calls.every((one) => calls.every((other) => areIndependent(one, other)));
  }

  crash(index: number): void {
    const actor = this.#actor(index);
    actor.crashed = true;
    this.#dead.add(1001 + index);
    if (actor.inside) this.inside -= 1;
  }

  finish(index: number): void {
    while (!this.#actor(index).done) this.step(index);
  }

  /** Lets one come as far as to hold the lock. */
  enter(index: number): void {
    while (!this.#actor(index).inside) this.step(index);
  }

  #actor(index: number): Actor {
    const actor = this.#actors[index];
    if (actor === undefined) throw new RangeError(`no actor ${index}`);
    return actor;
  }

  // The order in which proper-lockfile makes its calls.
  *#attempt(folder: LockFolder): Steps<boolean> {
    if (yield* folder.take()) return true;
    const found = yield* folder.judge();
    if (found === 'held') return false;
    if (found === 'dead') yield* folder.breakDead();
    return yield* folder.take();
  }

  *#act(folder: LockFolder, index: number, keep: boolean): Steps<void> {
    if (!(yield* this.#attempt(folder))) return;
    const actor = this.#actor(index);
    actor.inside = true;
    this.inside += 1;
    this.mostInside = Math.max(this.mostInside, this.inside);
    this.grants += 1;
    this.toldOfDeath.push(folder.previousOwnerDied);
    if (keep) return;
    yield undefined;
    this.inside -= 1;
    actor.inside = false;
    yield* new FolderHold(new Seats(recordedFs, this.lockFile), { label: undefined }, folder).release();
  }
}

let names = 0;

/** A new owner name of a process that is alive or dead as the test says. */
export function nameOf(pid: number): string {
  names += 1;
  return `o1.boot.1.1.${pid}.1...m.u-${names}.host`;
}

/**
 * Runs `scenario` once for every order in which its actors' calls can come. Returns how many there were, without those that
 * it did not follow to their end, for which it returns `false`.
 */
export function everyInterleaving(
  scenario: (choose: (runnable: readonly number[]) => number) => boolean | undefined,
): number {
  let runs = 0;
  let path: { taken: number; of: number }[] = [];
  for (;;) {
    let depth = 0;
    const followed = scenario((runnable) => {
      const known = path[depth] ?? { taken: 0, of: runnable.length };
      path[depth] = known;
      depth += 1;
      return runnable[known.taken] ?? 0;
    });
    if (followed !== false) runs += 1;
    path = path.slice(0, depth);
    while (path.length > 0 && (path.at(-1)?.taken ?? 0) + 1 >= (path.at(-1)?.of ?? 0)) path.pop();
    const last = path.at(-1);
    if (last === undefined) return runs;
    last.taken += 1;
  }
}
