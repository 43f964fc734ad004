import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Debian's python, where its packages are; another one may stand first in PATH. */
export const python = '/usr/bin/python3';

// Far above what anything takes that is asked here; what hangs must not hang the run.
const patience = 90;

const running = new Set();

/** Starts one program of `contestants/` and asks it things over its stdin. */
export class Contestant {
  #child;
  #asked = new Map();
  #last = 0;

  constructor(program, args = [], node = process.execPath) {
    const file = fileURLToPath(new URL(`contestants/${program}`, import.meta.url));
    const [command, ...flags] = program.endsWith('.py') ? [python, '-B'] : [node, ...args];
    if (!existsSync(command)) throw new Error(`${command} is missing (Debian package python3)`);
    this.#child = spawn(command, [...flags, file], { stdio: ['pipe', 'pipe', 'inherit'] });
    // A contestant that was killed on purpose leaves a broken pipe behind.
    this.#child.stdin.on('error', () => {});
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#answered(JSON.parse(line)));
    this.ended = new Promise((resolve) => {
      this.#child.once('close', () => {
        running.delete(this);
        for (const id of this.#asked.keys()) this.#answered({ id, error: `${program} ended` });
        resolve();
      });
    });
    running.add(this);
  }

  get pid() {
    return this.#child.pid;
  }

  ask(op, request = {}) {
    this.#last += 1;
    const id = this.#last;
    return new Promise((resolve, reject) => {
      const late = setTimeout(
        () => this.#answered({ id, error: `no answer to ${op} ${JSON.stringify(request)} within ${patience} s` }),
        patience * 1000,
      );
      this.#asked.set(id, { resolve, reject, late });
      this.#child.stdin.write(`${JSON.stringify({ id, op, ...request })}\n`);
    });
  }

  kill() {
    this.#child.kill('SIGKILL');
    return this.ended;
  }

  #answered({ id, value, error }) {
    const asked = this.#asked.get(id);
    // An answer that comes after its time is nobody's.
    if (asked === undefined) return;
    const { resolve, reject, late } = asked;
    clearTimeout(late);
    this.#asked.delete(id);
    if (error === undefined) resolve(value);
    else reject(new Error(error));
  }
}

/** Ends every contestant that still runs. */
export async function endContestants() {
  await Promise.all([...running].map((contestant) => contestant.kill()));
}
