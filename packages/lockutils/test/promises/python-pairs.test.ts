import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { python as interpreter } from '../../../../installed.js';
import { osloPeers } from '../../../../oslo-peers.js';
import { InterProcessLock } from '../../dist/index.js';
import { lockDirectory } from '../fixtures/lock-directory.js';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const readme = readFileSync(here('../../README.md'), 'utf8');
const rows = [
  ...readme.matchAll(/\[py\]\(\S*\/test\/pairs\/([\w-]+)\.py\) [^|]*\[ts\]\(\S*\/test\/pairs\/([\w-]+)\.ts\)/g),
];

/** A program that a test speaks with by lines. */
class Talk {
  readonly #child: ReturnType<typeof spawn>;
  readonly #lines: AsyncIterator<string>;
  readonly ended: Promise<unknown>;

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } });
    const lines: Interface = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream });
    this.#lines = lines[Symbol.asyncIterator]();
    this.ended = once(this.#child, 'exit');
  }

  tell(text: string): void {
    this.#child.stdin?.write(`${text}\n`);
  }

  /** The next line; `undefined` at the end. */
  async line(): Promise<string | undefined> {
    const { value, done } = await this.#lines.next();
    return done ? undefined : value;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

/** What a program printed, which files it left, and what the other language said of each file while it worked. */
interface Seen {
  readonly printed: readonly string[];
  readonly left: readonly string[];
  readonly whileWorking: readonly (readonly [file: string, state: string])[][];
}

async function observe(
  talk: Talk,
  lockPath: string,
  tryFile: (path: string) => Promise<string | undefined>,
): Promise<Seen> {
  const files = (): string[] =>
    readdirSync(lockPath)
      .filter((name) => !name.startsWith('.'))
      .sort();
  const printed: string[] = [];
  const whileWorking: [string, string][][] = [];
  for (;;) {
    const line = await talk.line();
    if (line === undefined || line.startsWith('ended ')) {
      expect(line ?? 'ended 0').toBe('ended 0');
      return { printed, left: files(), whileWorking };
    }
    printed.push(line);
    if (line !== 'working') continue;
    const states: [string, string][] = [];
    for (const file of files()) states.push([file, (await tryFile(join(lockPath, file))) ?? 'no answer']);
    whileWorking.push(states);
    talk.tell('go on');
  }
}

const tryHere = async (path: string): Promise<string> => {
  const mine = new InterProcessLock(path);
  if ((await mine.tryAcquire()) === undefined) return 'taken';
  await mine.release();
  return 'free';
};

test('the table in the README has a row for each pair, and a pair for each row', () => {
  const named = rows.map(([, py, ts]) => [py, ts]);
  const pairs = readdirSync(here('../pairs'))
    .filter((file) => file.endsWith('.py') && file !== 'work.py')
    .map((file) => [file.slice(0, -3), file.slice(0, -3)]);
  expect(named.sort()).toEqual(pairs.sort());
});

const peers = osloPeers.map((peer) => [peer.title, peer] as const);

describe.each(peers)('each row of the table in the README beside TypeScript, with %s', (_, peer) => {
  const modules = here('../../../../node_modules');
  const compiled = mkdtempSync(join(tmpdir(), 'python-pairs-'));
  let python: Talk | undefined;
  let prober: Talk | undefined;

  beforeAll(() => {
    if (!peer.present) return;
    const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
    symlinkSync(modules, join(compiled, 'node_modules'));
    writeFileSync(join(compiled, 'package.json'), '{"type":"module"}');
    writeFileSync(
      join(compiled, 'tsconfig.json'),
      JSON.stringify({
        extends: here('../../../../tsconfig.base.json'),
        compilerOptions: { rootDir: here('../pairs'), outDir: compiled, typeRoots: [join(modules, '@types')] },
        include: [here('../pairs')],
      }),
    );
    execFileSync(process.execPath, [tsc, '-p', compiled], { stdio: 'inherit' });
    python = new Talk(interpreter, [here('../fixtures/run-pair.py')], peer.env);
    prober = new Talk(interpreter, [here('../fixtures/try-file.py')], peer.env);
  });
  afterAll(() => {
    python?.kill();
    prober?.kill();
    rmSync(compiled, { recursive: true });
  });

  test.runIf(peer.present).each(rows.map(([, py, ts]) => [py ?? '', ts ?? '']))(
    'G9 %s prints the same, leaves the same files, and keeps the other language out alike',
    async (py, ts) => {
      if (python === undefined || prober === undefined) throw new Error('Python was not started');
      const pythonPath = lockDirectory();
      python.tell(`${here(`../pairs/${py}.py`)} ${pythonPath}`);
      const inPython = await observe(python, pythonPath, tryHere);

      const lockPath = lockDirectory();
      const talk = new Talk(process.execPath, [join(compiled, `${ts}.js`)], {
        OSLO_LOCK_PATH: lockPath,
        PATH: `${join(modules, '.bin')}${delimiter}${process.env.PATH}`,
      });
      const inNode = await observe(talk, lockPath, (path) => {
        prober?.tell(path);
        return prober?.line() ?? Promise.resolve(undefined);
      });
      expect(await talk.ended).toEqual([0, null]);
      expect(inNode).toEqual(inPython);
      expect(inPython.printed.length).toBeGreaterThan(0);
    },
  );
});
