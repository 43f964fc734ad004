import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { evidence } from './evidence.mjs';

/** Debian's python, where its packages are; another one may stand first in PATH. */
export const python = '/usr/bin/python3';

// Seconds. Far above what anything takes that is asked here: the longest wait of a peer that was ever seen is 3 s. What
// hangs must not hang the run.
const longEnough = 90;

const running = new Set();
let shown = false;

/** Starts one program of `contestants/` and asks it things over its stdin. */
export class Contestant {
  #child;
  #node;
  #patience;
  #asked = new Map();
  #last = 0;

  constructor(program, args = [], node = process.execPath, patience = longEnough) {
    this.#node = program.endsWith('.py') ? undefined : node;
    this.#patience = patience;
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
      // Seconds in which this process ran: one tick at most for a time in which it stood still. The whole machine may have
      // stood still with it, or the terminal have stopped the run, and then the contestants had no time to answer.
      let waited = 0;
      const clock = setInterval(() => {
        waited += 1;
        if (waited > this.#patience) this.#giveUp(id);
      }, 1000);
      this.#asked.set(id, { resolve, reject, clock, request: { op, ...request } });
      this.#child.stdin.write(`${JSON.stringify({ id, op, ...request })}\n`);
    });
  }

  kill() {
    this.#child.kill('SIGKILL');
    return this.ended;
  }

  #giveUp(id) {
    const { op, ...request } = this.#asked.get(id).request;
    // Those that were asked together are late together, and the first one to be given up may end the run.
    if (!shown) {
      const silent = [...running].filter((one) => one.#asked.size > 0);
      const pids = silent.map(({ pid }) => pid);
      console.error(evidence({ pid: this.pid, node: this.#node, silent: pids, directory: request.directory }));
    }
    shown = true;
    const question = `${op} ${JSON.stringify(request)}`;
    this.#answered({ id, error: `process ${this.pid} gave no answer to ${question} within ${this.#patience} s` });
  }

  #answered({ id, value, error }) {
    const asked = this.#asked.get(id);
    // An answer that comes after its time is nobody's.
    if (asked === undefined) return;
    const { resolve, reject, clock } = asked;
    clearInterval(clock);
    this.#asked.delete(id);
    if (error === undefined) resolve(value);
    else reject(new Error(error));
  }
}

/** Ends every contestant that still runs. */
export async function endContestants() {
  await Promise.all([...running].map((contestant) => contestant.kill()));
}
