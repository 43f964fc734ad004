// The examples, as users run them: one job on each engine by one option, and one run per tick between two processes.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engines, missingPrograms, startEngine } from '../ledger/engines.mjs';

const names = Object.keys(engines) as (keyof typeof engines)[];
const missing = new Map(names.map((name) => [name, missingPrograms(name) as string[]]));
for (const [name, programs] of missing) {
  if (programs.length > 0 && process.env.CI) throw new Error(`${name}: ${programs.join(' and ')} is not installed`);
}
const example = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

describe('one-line-switch: the job runs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'examples-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const run = async (...args: string[]): Promise<string> =>
    (
      await promisify(execFile)(process.execPath, [example('one-line-switch/job.mjs'), '--steps', '1', ...args], {
        env: { ...process.env, TMPDIR: folder },
      })
    ).stdout;

  test('on one machine, under a lock that no other process holds', async () => {
    expect(await run()).toBe('holding the lock\nstep 1\n');
  });

  test('on shared files, by one changed option', async () => {
    const shared = join(folder, 'shared');
    mkdirSync(shared);
    expect(await run('--on', pathToFileURL(shared).href)).toBe('holding the lease, token 1\nstep 1\n');
  });

  test('not on what no driver is for, and says which there are', async () => {
    await expect(run('--on', 'http://127.0.0.1')).rejects.toThrow(
      '--on takes a URL of file:, etcd:, postgres:, redis:',
    );
  });

  for (const name of names) {
    const absent = missing.get(name) as string[];
    const skipped = absent.length > 0 ? ` (skipped: needs ${absent.join(' and ')})` : '';
    test.skipIf(absent.length > 0)(`on ${name}, by one changed option${skipped}`, async () => {
      mkdirSync(join(folder, name));
      const { url, stop } = await startEngine(name, join(folder, name));
      try {
        const where = ['--on', url.replace(/^http:/, 'etcd:')];
        const outputs = await Promise.all([run(...where), run(...where)]);
        const tokens = outputs.map((output) => /holding the lease, token (\d+)\nstep 1\n$/.exec(output)?.[1]);
        expect(new Set(tokens).size).toBe(2);
        expect(tokens).not.toContain(undefined);
      } finally {
        await stop();
      }
    });
  }
});

/** A process that runs an example until it is told to end, and what it prints. */
class Example {
  readonly lines: string[] = [];
  readonly process: ChildProcess;
  onLine = (): void => {};

  constructor(path: string, args: readonly string[], tmp: string) {
    this.process = spawn(process.execPath, [example(path), ...args], {
      env: { ...process.env, TMPDIR: tmp },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let rest = '';
    this.process.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n');
      rest = parts.pop() as string;
      this.lines.push(...parts);
      this.onLine();
    });
  }

  async end(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const gone = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await gone;
  }
}

describe('once-per-tick: of croner and node-cron in two processes, one runs each tick, and the other learns which', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'ticks-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function twoProcesses(url: string | undefined): Promise<void> {
    const args = ['600', ...(url === undefined ? [] : [url])];
    const both = [
      new Example('once-per-tick/croner.mjs', args, folder),
      new Example('once-per-tick/node-cron.mjs', args, folder),
    ];
    try {
      // The ticks that both have reported.
      const shared = (): string[] => {
        const [one, other] = both.map(({ lines }) => new Set(lines.map((line) => line.slice(0, 24))));
        return [...(one as Set<string>)].filter((tick) => other?.has(tick));
      };
      await new Promise<void>((seen, failed) => {
        for (const one of both) {
          one.onLine = () => shared().length >= 2 && seen();
          one.process.once('exit', (code) => failed(new Error(`an example ended with ${code}`)));
        }
      });
      for (const tick of shared()) {
        const [one, other] = both.map(({ lines }) => lines.filter((line) => line.startsWith(tick))) as [
          string[],
          string[],
        ];
        const ranHere = [one, other].map((lines) => lines.filter((line) => line === `${tick}: run here`).length);
        expect([...ranHere].sort()).toEqual([0, 1]);
        const runner = both[ranHere.indexOf(1)] as Example;
        const told = ranHere.indexOf(1) === 0 ? other : one;
        expect(told).toEqual([`${tick}: run by pid ${runner.process.pid}, done`]);
      }
    } finally {
      await Promise.all(both.map((one) => one.end()));
    }
  }

  test('on one machine', () => twoProcesses(undefined));

  const absent = missing.get('redis') as string[];
  test.skipIf(absent.length > 0)(`on redis${absent.length > 0 ? ' (skipped: needs redis-server)' : ''}`, async () => {
    mkdirSync(join(folder, 'redis'));
    const { url, stop } = await startEngine('redis', join(folder, 'redis'));
    try {
      await twoProcesses(url);
    } finally {
      await stop();
    }
  });
});
