import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Debian's python, where its packages are; another one may stand first in PATH. */
export const python = '/usr/bin/python3';

const running = new Set();

/** Starts one program of `contestants/` and asks it things over its stdin. */
export class Contestant {
  #child;
  #asked = new Map();
  #last = 0;

  constructor(program, args = []) {
    const file = fileURLToPath(new URL(`contestants/${program}`, import.meta.url));
    const [command, ...flags] = program.endsWith('.py') ? [python] : [process.execPath, ...args];
    if (!existsSync(command)) throw new Error(`${command} is missing (Debian package python3)`);
    this.#child = spawn(command, [...flags, file], { stdio: ['pipe', 'pipe', 'inherit'] });
    // A contestant that was killed on purpose leaves a broken pipe behind.
    this.#child.stdin.on('error', () => {});
    createInterface({ input: this.#child.stdout }).on('line', (line) => this.#answered(JSON.parse(line)));
    this.ended = new Promise((resolve) => {
      this.#child.once('close', () => {
        running.delete(this);
        for (const { reject } of this.#asked.values()) reject(new Error(`${program} ended`));
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
      this.#asked.set(id, { resolve, reject });
      this.#child.stdin.write(`${JSON.stringify({ id, op, ...request })}\n`);
    });
  }

  kill() {
    this.#child.kill('SIGKILL');
    return this.ended;
  }

  #answered({ id, value, error }) {
    const { resolve, reject } = this.#asked.get(id);
    this.#asked.delete(id);
    if (error === undefined) resolve(value);
    else reject(new Error(error));
  }
}

/** Ends every contestant that still runs. */
export async function endContestants() {
  await Promise.all([...running].map((contestant) => contestant.kill()));
}
