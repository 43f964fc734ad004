import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What a contender tells of one order. */
export interface Outcome {
  readonly granted?: boolean;
  readonly previousOwnerDied?: boolean;
  readonly released?: boolean;
  readonly error?: string;
  readonly message?: string;
  /** The file system calls that were made for it. */
  readonly calls: readonly string[];
}

/** A signal that the contender sends to itself before the call of that number, from 1. */
export interface Fault {
  readonly call: number;
  readonly signal: 'SIGKILL' | 'SIGSTOP';
}

const program = fileURLToPath(new URL('../../fixtures/lockfile-contender.mjs', import.meta.url));
const running = new Set<ChildProcess>();

/** A process of its own that takes and releases locks on order. */
export class Contender {
  readonly child: ChildProcess;

  constructor(child: ChildProcess) {
    this.child = child;
  }

  static async start(kind: 'promised' | 'synchronous' | 'plain' = 'promised'): Promise<Contender> {
    const child = fork(program, [kind]);
    running.add(child);
    child.once('exit', () => running.delete(child));
    await once(child, 'message');
    return new Contender(child);
  }

  async try(path: string): Promise<Outcome> {
    return this.#order({ do: 'try', path });
  }

  async release(path: string): Promise<Outcome> {
    return this.#order({ do: 'release', path });
  }

  /** Sends an order, and waits until the fault has happened instead of for an answer. */
  async fail(order: 'try' | 'release', path: string, fault: Fault): Promise<void> {
    const gone = fault.signal === 'SIGKILL' ? once(this.child, 'exit') : undefined;
    this.child.send({ do: order, path, fault });
    await (gone ?? this.#stopped());
  }

  /** Lets a stopped one go on, and tells what came of its order. */
  async resume(): Promise<Outcome> {
    const answer = once(this.child, 'message');
    this.child.kill('SIGCONT');
    return ((await answer) as [Outcome])[0];
  }

  async kill(): Promise<void> {
    const gone = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await gone;
  }

  async #order(order: object): Promise<Outcome> {
    const answer = once(this.child, 'message');
    this.child.send(order);
    return ((await answer) as [Outcome])[0];
  }

  // No event tells of it; it takes microseconds.
  async #stopped(): Promise<void> {
    const state = (): string => / ([A-Zt]) /.exec(readFileSync(`/proc/${this.child.pid}/stat`, 'utf8'))?.[1] ?? '';
    while (state() !== 'T') await new Promise(setImmediate);
  }
}

/** Ends all that still run. */
export function endContenders(): void {
  for (const child of running) child.kill('SIGKILL');
}
