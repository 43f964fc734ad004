import { type ChildProcess, fork } from 'node:child_process';
import { once, setMaxListeners } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Fact } from './history.js';

/** What a contender does. Times are milliseconds. */
export interface ContenderPlan {
  /** The URL of the server of the lease. */
  readonly url: string;
  /** The URL of the server of the counter, which no fault touches. */
  readonly store: string;
  readonly name: string;
  readonly ttl: number;
  /** `false` writes without the fence: the negative control. */
  readonly fenced?: boolean;
  /** Every `stallEvery` rounds the event loop is blocked for `stall`, between reading and writing. */
  readonly stallEvery?: number;
  readonly stall?: number;
  readonly hold?: number;
}

const program = new URL('../fixtures/contender.mjs', import.meta.url);

/** Real processes that contend for one lease, by turns with either client, and the history they write. */
export class Contenders implements AsyncDisposable {
  readonly processes: ChildProcess[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), 'contenders-'));
  readonly #history = join(this.#folder, 'history');

  start(count: number, plan: ContenderPlan): void {
    for (let n = 0; n < count; n++) {
      const id = `c${this.processes.length}`;
      const by = this.processes.length % 2 === 0 ? 'ioredis' : 'redis';
      const defaults = { fenced: true, stall: 0, stallEvery: 0, hold: 5 };
      const child = fork(program, [JSON.stringify({ id, by, history: this.#history, ...defaults, ...plan })], {
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
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Fact);
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
