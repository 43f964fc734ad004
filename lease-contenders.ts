import { type ChildProcess, fork } from 'node:child_process';
import { once, setMaxListeners } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { additions, type Fact } from './lease-history.js';

/** What every contender does. Times are milliseconds. */
export interface LeasePlan {
  readonly name: string;
  readonly ttl: number;
  /** `false` writes without the fence: the negative control. */
  readonly fenced?: boolean;
  /** Every `stallEvery` rounds the event loop is blocked for `stall`, between reading and writing. */
  readonly stallEvery?: number;
  readonly stall?: number;
}

/** Real processes that contend for one lease of any engine, and the history they write. */
export class LeaseContenders<Plan extends LeasePlan> implements AsyncDisposable {
  readonly processes: ChildProcess[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), 'contenders-'));
  readonly #history = join(this.#folder, 'history');

  readonly #program: URL;
  readonly #extra: (index: number) => object;

  /** `extra` is what the contender with this index is given in addition to its plan, which takes precedence. */
  constructor(program: URL, extra: (index: number) => object = () => ({})) {
    this.#program = program;
    this.#extra = extra;
  }

  /** `env` is added to their environment. */
  start(count: number, plan: Plan, env: { readonly [name: string]: string } = {}): void {
    for (let n = 0; n < count; n++) {
      const id = `c${this.processes.length}`;
      const told = { id, history: this.#history, ...this.#extra(this.processes.length), ...plan };
      const child = fork(this.#program, [JSON.stringify(told)], {
        env: { ...process.env, ...env },
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      });
      this.processes.push(child);
    }
  }

  /** Resolves after `count` further grants, to any of those that still run. */
  async grants(count: number): Promise<void> {
    const known = this.#granted();
    for (;;) {
      if (this.#granted() - known >= count) return;
      const living = this.processes.filter((child) => child.connected);
      if (living.length === 0) throw new Error('all contenders have ended');
      const stop = new AbortController();
      // Two listeners for each contender.
      setMaxListeners(0, stop.signal);
      await Promise.race(
        living.flatMap((child) => [
          once(child, 'message', { signal: stop.signal }),
          once(child, 'exit', { signal: stop.signal }),
        ]),
      );
      stop.abort();
    }
  }

  /** Stops all, waits until they have ended, and answers the history. */
  async end(): Promise<readonly Fact[]> {
    await Promise.all(
      this.processes
        .filter((child) => child.exitCode === null && child.signalCode === null)
        .map(async (child) => {
          const exit = once(child, 'exit');
          if (child.connected) child.send('stop');
          await exit;
        }),
    );
    return this.history();
  }

  history(): readonly Fact[] {
    if (!existsSync(this.#history)) return [];
    const lines = readFileSync(this.#history, 'utf8').split('\n');
    // What stands behind the last newline is nothing, or the beginning of a line that is being written.
    // A contender that is killed while it writes may leave the beginning of a line, and the next line then follows on it.
    return lines.slice(0, -1).map((line) => JSON.parse(line.slice(line.lastIndexOf('{"id":'))) as Fact);
  }

  /** Resolves when `counter` misses an addition: another one has to come in between the reading and the writing of one. */
  async untilUpdateIsLost(counter: () => Promise<number>): Promise<void> {
    let sure: number;
    do {
      await this.grants(3);
      sure = additions(this.history()).sure;
    } while ((await counter()) >= sure);
  }

  #granted(): number {
    return this.history().filter(({ what }) => what === 'granted').length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.processes
        .filter((child) => child.exitCode === null && child.signalCode === null)
        .map((child) => {
          const exit = once(child, 'exit');
          child.kill('SIGKILL');
          return exit;
        }),
    );
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
