import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { LockOptions } from '@oslo-concurrency/lockutils';

const program = fileURLToPath(new URL('../fixtures/contender.mjs', import.meta.url));

/** What a contender says of a grant; `at` is the system-wide monotonic clock in nanoseconds. */
export interface Granted {
  readonly waitedMs: number;
  readonly previousOwnerDied: boolean;
  readonly at: string;
}

/** A real process that locks what the test tells it to. `await using` ends it. */
export class Contender implements AsyncDisposable {
  readonly process: ChildProcess;
  #lastId = 0;
  readonly #answers = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  readonly #waiting = new Map<string, () => void>();

  private constructor(child: ChildProcess) {
    this.process = child;
    child.once('exit', () => {
      for (const { reject } of this.#answers.values()) reject(new Error('the contender has ended'));
      this.#answers.clear();
    });
    child.on('message', (message: { id?: number; event?: string; key?: string; value?: unknown; error?: object }) => {
      if (message.event === 'waiting') this.#waiting.get(message.key ?? '')?.();
      const answer = this.#answers.get(message.id ?? -1);
      if (answer === undefined) return;
      this.#answers.delete(message.id ?? -1);
      if (message.error === undefined) answer.resolve(message.value as never);
      else answer.reject(Object.assign(new Error('in the contender'), message.error));
    });
  }

  static async start(env: NodeJS.ProcessEnv = {}, execArgv: string[] = []): Promise<Contender> {
    const child = fork(program, { env: { ...process.env, ...env }, execArgv });
    const contender = new Contender(child);
    const ended = once(child, 'exit').then(([code, signal]) => {
      throw new Error(`the contender ended with ${signal ?? code} before it could begin`);
    });
    // Later it may end as it likes.
    ended.catch(() => {});
    await Promise.race([once(child, 'message'), ended]);
    return contender;
  }

  get pid(): number {
    return this.process.pid as number;
  }

  ask<T>(action: string, parameters: object = {}): Promise<T> {
    this.#lastId += 1;
    const id = this.#lastId;
    const answer = new Promise<T>((resolve, reject) => this.#answers.set(id, { resolve: resolve as never, reject }));
    // A contender that is killed on purpose leaves questions behind that nobody asks about any more.
    answer.catch(() => {});
    this.process.send({ id, action, ...parameters });
    return answer;
  }

  acquire(name: string, options: LockOptions, key = name): Promise<Granted> {
    return this.ask('acquire', { key, name, options });
  }

  /** Begins to acquire and resolves once the contender waits; `granted` settles with the acquisition. */
  async queue(name: string, options: LockOptions, key = name): Promise<{ granted: Promise<Granted> }> {
    const waiting = new Promise<void>((resolve) => this.#waiting.set(key, resolve));
    const granted = this.acquire(name, options, key);
    granted.catch(() => {});
    await Promise.race([waiting, granted]);
    return { granted };
  }

  release(key: string): Promise<{ at: string }> {
    return this.ask('release', { key });
  }

  /** Stops it by SIGSTOP, and resolves when it stands: until then it may finish a system call, and acquire a lock by it. */
  async stop(): Promise<void> {
    this.process.kill('SIGSTOP');
    if (process.platform !== 'linux') return;
    while (!/\) T /.test(readFileSync(`/proc/${this.pid}/stat`, 'utf8'))) await new Promise(setImmediate);
  }

  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const gone = once(this.process, 'exit');
    this.process.kill(signal);
    await gone;
  }

  /** This one for the next test too when it holds and waits for nothing; else, and when it has ended, a new one. */
  async again(): Promise<Contender> {
    if (this.process.connected && (await this.ask<boolean>('idle').catch(() => false))) return this;
    await this[Symbol.asyncDispose]();
    return Contender.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) this.process.kill('SIGCONT');
    await this.end();
  }
}

/** Starts `count` contenders at once. */
export function contenders(count: number): Promise<Contender[]> {
  return Promise.all(Array.from({ length: count }, () => Contender.start()));
}
