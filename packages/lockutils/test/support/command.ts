import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { python } from '../../../../installed.js';

/** What a command came to. */
export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that was started; disposing of it kills it. */
export class StartedCommand implements AsyncDisposable {
  readonly process: ChildProcess;
  /** Resolves when it has ended and nobody has its output open any more. */
  readonly ended: Promise<Ended>;
  /** Resolves when it has ended, though what it started may go on. */
  readonly exited: Promise<unknown>;
  #stdout = '';
  #stderr = '';
  #changed = (): void => {};
  /** Ended, and all that it wrote was read: at its exit some may still be in the pipes. */
  #closed = false;

  constructor(file: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.process = spawn(file, args, { env: { ...process.env, ...env } });
    this.process.stdout?.on('data', (data: Buffer) => {
      this.#stdout += data;
      this.#changed();
    });
    this.process.stderr?.on('data', (data: Buffer) => {
      this.#stderr += data;
      this.#changed();
    });
    this.exited = once(this.process, 'exit');
    this.ended = once(this.process, 'close').then(([status, signal]) => {
      this.#closed = true;
      this.#changed();
      return { status, signal, stdout: this.#stdout, stderr: this.#stderr };
    });
  }

  get pid(): number {
    return this.process.pid as number;
  }

  /** Resolves with the match once standard output or standard error matches; rejects when it ends before. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.#stdout) ?? pattern.exec(this.#stderr);
      if (match !== null) return match;
      if (this.#closed) {
        throw new Error(`ended without saying ${pattern}: ${this.#stdout}${this.#stderr}`);
      }
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill('SIGKILL');
    await this.exited;
  }
}

/** Starts `lockutils` with these arguments. */
export function startLockutils(args: readonly string[], env: NodeJS.ProcessEnv = {}): StartedCommand {
  return new StartedCommand(process.execPath, [program('lockutils'), ...args], env);
}

/** Starts `lockutils-wrapper` with these arguments. */
export function startWrapper(args: readonly string[], env: NodeJS.ProcessEnv = {}): StartedCommand {
  return new StartedCommand(process.execPath, [program('lockutils-wrapper'), ...args], env);
}

/** Starts `lockutils` on a terminal of its own; what is typed goes to its `process.stdin`. */
export function startOnTerminal(args: readonly string[], env: NodeJS.ProcessEnv = {}): StartedCommand {
  const terminal = fileURLToPath(new URL('../fixtures/in-terminal.py', import.meta.url));
  return new StartedCommand(python, [terminal, process.execPath, program('lockutils'), ...args], env);
}

function program(name: string): string {
  return fileURLToPath(new URL(`../../bin/${name}.js`, import.meta.url));
}

/** Runs `lockutils` to its end. */
export function lockutils(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return startLockutils(args, env).ended;
}

/** Resolves when there is no such process any more, or only its exit status, which its parent may never ask for. */
export async function gone(pid: number): Promise<void> {
  while (lives(pid)) await new Promise((resolve) => setTimeout(resolve, 5));
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
