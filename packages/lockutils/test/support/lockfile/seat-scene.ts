import { rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { removeUnusedFolders } from '../../../build/drivers/lockfile/care/remove-unused.js';
import { UnseenHold } from '../../../build/drivers/lockfile/care/unseen-hold.js';
import { FolderHold } from '../../../build/drivers/lockfile/folder-hold.js';
import { LockFolder } from '../../../build/drivers/lockfile/lock-folder.js';
import { ModeChange } from '../../../build/drivers/lockfile/mode-change.js';
import { Seats } from '../../../build/drivers/lockfile/seats.js';
import { parseIdentityName } from '../../../build/owner/identity-name.js';
import type { Steps } from '../../../build/steps.js';
import { Failure, nameOf, steppedFs } from './interleaving.js';

/** What an actor does; `clean all` removes what the next holder was to be told, too. */
export type Deed =
  | ('write' | 'read' | 'count' | 'write, downgrade' | 'read, upgrade' | 'read, upgrade, downgrade')
  | ('hold unseen' | 'clean' | 'clean all');
type Mode = 'out' | 'alone' | 'together' | 'counted';
/** How many those who count let in. */
const permits = 2;

interface Actor {
  readonly steps: Steps<void>;
  next: unknown;
  state: 'runs' | 'done' | 'crashed';
  mode: Mode;
}

let scenes = 0;

/** Actors at one lock, each of which tries once and does its deed call by call; who is in with whom is looked at. */
export class SeatScene {
  readonly lockFile: string;
  readonly wrong: string[] = [];
  readonly told: string[] = [];
  readonly granted: Deed[] = [];
  readonly verdicts: unknown[] = [];
  readonly #directory: string;
  readonly #actors: Actor[] = [];

  constructor(directory: string) {
    scenes += 1;
    this.#directory = directory;
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
    rmSync(this.hidden('held'), { recursive: true, force: true });
  }

  /** The folder of one kind that this lock has. */
  hidden(kind: string): string {
    return join(this.#directory, '.oslo-concurrency', 'lockfile', kind, basename(this.lockFile));
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
    const newName = (): string => nameOf(index + 1);
    if (deed === 'hold unseen') return yield* this.#holdUnseen(index, newName());
    if (deed === 'clean' || deed === 'clean all') {
      const rule = { before: Number.POSITIVE_INFINITY, dryRun: false, abandonedToo: deed === 'clean all' };
      this.verdicts.push(yield* removeUnusedFolders(steppedFs, this.lockFile, { ...rule, isDead, newName }));
      return;
    }
    const seats = new Seats(steppedFs, this.lockFile, isDead, newName);
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
    } else {
      hold = new FolderHold(seats, { label: undefined, permits: deed === 'count' ? permits : undefined });
      if (!(yield* hold.take())) return;
    }
    const change = new ModeChange(hold);
    if (hold.previousOwnerDied) this.told.push(deed);
    this.granted.push(deed);
    this.#be(index, deed.startsWith('write') ? 'alone' : deed === 'count' ? 'counted' : 'together');
    // Some time inside, in which others can come.
    for (let moment = 0; moment < 6; moment += 1) yield undefined;
    if (deed === 'write, downgrade') {
      // Others may be in from some moment of this on; it is alone no more from its beginning.
      this.#be(index, 'together');
      yield* change.downgrade();
    }
    if (deed.startsWith('read, upgrade') && (yield* change.beginUpgrade())) {
      let alone = false;
      for (let attempts = 0; attempts < 3 && !alone; attempts += 1) alone = yield* change.attemptUpgrade();
      if (alone) this.#be(index, 'alone');
      yield undefined;
      yield* change.endUpgrade();
      if (deed.endsWith('downgrade')) {
        this.#be(index, 'together');
        yield* change.downgrade();
      }
      yield undefined;
    }
    if (keep) return;
    this.#be(index, 'out');
    yield* hold.release();
  }

  *#holdUnseen(index: number, own: string): Steps<void> {
    const hold = new UnseenHold(steppedFs, this.lockFile, own);
    if (!(yield* hold.take())) return;
    this.#be(index, 'alone');
    for (let moment = 0; moment < 6; moment += 1) yield undefined;
    this.#be(index, 'out');
    yield* hold.release();
  }
}
