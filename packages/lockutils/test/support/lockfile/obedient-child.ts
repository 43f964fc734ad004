import { type ChildProcess, type ForkOptions, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { killChild } from '../kill-child.js';

/** A signal that the child sends to itself before the file system call of that number, from 1. */
export interface Fault {
  readonly call: number;
  readonly signal: 'SIGKILL' | 'SIGSTOP';
}

const running = new Set<ChildProcess>();

/** A program of `test/fixtures` that answers each message with one. */
export class ObedientChild<Order extends object, Outcome> {
  readonly child: ChildProcess;

  constructor(child: ChildProcess) {
    this.child = child;
  }

  protected static async fork(
    program: string,
    args: readonly string[],
    options: ForkOptions = {},
  ): Promise<ChildProcess> {
    const path = fileURLToPath(new URL(`../../fixtures/${program}.mjs`, import.meta.url));
    const child = fork(path, args, options);
    running.add(child);
    child.once('exit', () => running.delete(child));
    await once(child, 'message');
    return child;
  }

  async order(order: Order): Promise<Outcome> {
    const answer = once(this.child, 'message');
    this.child.send(order);
    return ((await answer) as [Outcome])[0];
  }

  /** Sends an order, and waits until the fault has happened instead of for an answer. */
  async fail(order: Order, fault: Fault): Promise<void> {
    const gone = fault.signal === 'SIGKILL' ? once(this.child, 'exit') : undefined;
    this.child.send({ ...order, fault });
    await (gone ?? this.#stopped());
  }

  /** Sends an order that stands before the file system call of that number for good; others may follow. */
  async stand(order: Order, call: number): Promise<void> {
    const answer = await this.order({ ...order, fault: { call } });
    if ((answer as { readonly stands?: boolean }).stands !== true) throw new Error(`it has no call ${call}`);
  }

  /** Lets a stopped one go on, and tells what came of its order. */
  async resume(): Promise<Outcome> {
    const answer = once(this.child, 'message');
    this.child.kill('SIGCONT');
    return ((await answer) as [Outcome])[0];
  }

  kill(): Promise<void> {
    return killChild(this.child);
  }

  // No event tells of it; it takes microseconds.
  async #stopped(): Promise<void> {
    const state = (): string => / ([A-Zt]) /.exec(readFileSync(`/proc/${this.child.pid}/stat`, 'utf8'))?.[1] ?? '';
    while (state() !== 'T') await new Promise(setImmediate);
  }
}

/** Ends all that still run, and waits until they write to no directory any more. */
export async function endChildren(): Promise<void> {
  await Promise.all([...running].map(killChild));
}
