import { execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const here = (file) => fileURLToPath(new URL(file, import.meta.url));

/** The first Python that has oslo.concurrency, or nothing. */
export function findPython() {
  for (const python of ['python3', '/usr/bin/python3']) {
    try {
      execFileSync(python, ['-c', 'import oslo_concurrency.lockutils'], { stdio: 'ignore', timeout: 10_000 });
      return python;
    } catch {
      // Not this one.
    }
  }
  return undefined;
}

/** Has all bookkeepers work at the same time, and resolves to their results. All of them are gone then, whatever happened. */
export async function runRound({ processes, pythons, python, onGrants, program = 'bookkeeper.mjs', ...order }) {
  const crew = [];
  const hire = (command, source, who) => {
    const told = JSON.stringify({ ...order, who, task: crew.length });
    crew.push(new Bookkeeper(spawn(command, [here(source), told], { stdio: ['pipe', 'pipe', 'pipe'] }), who));
  };
  for (let index = 1; index <= processes; index++) hire(process.execPath, program, `p${index}`);
  for (let index = 1; index <= pythons; index++) hire(python, 'bookkeeper.py', `py${index}`);
  const timer = setInterval(() => onGrants(crew.reduce((sum, { grants }) => sum + grants, 0)), 100);
  try {
    await Promise.all(crew.map((one) => one.ready));
    for (const one of crew) one.start();
    return await Promise.all(crew.map((one) => one.done));
  } finally {
    clearInterval(timer);
    for (const one of crew) one.dismiss();
    await Promise.all(crew.map((one) => one.gone));
  }
}

class Bookkeeper {
  grants = 0;
  #child;

  constructor(child, who) {
    this.#child = child;
    const said = new Map();
    const hear = (what) => new Promise((resolve, reject) => said.set(what, { resolve, reject }));
    this.ready = hear('ready');
    this.done = hear('done');
    this.done.catch(() => {});
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      errors = (errors + text).slice(-2000);
    });
    this.gone = new Promise((resolve) => child.once('close', resolve).once('error', resolve));
    this.gone.then((how) => {
      for (const { reject } of said.values())
        reject(new Error(`Bookkeeper ${who} ended too early (${how}). ${errors}`));
    });
    // A bookkeeper that is gone already is reported by `gone`.
    child.stdin.on('error', () => {});
    createInterface({ input: child.stdout }).on('line', (line) => {
      const message = JSON.parse(line);
      this.grants = message.grants ?? this.grants;
      for (const what of Object.keys(message)) said.get(what)?.resolve(message[what]);
    });
  }

  start() {
    this.#child.stdin.write('go\n');
  }

  dismiss() {
    this.#child.stdin.end();
    this.#child.kill('SIGKILL');
  }
}
