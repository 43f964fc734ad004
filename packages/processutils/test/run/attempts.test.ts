import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setLogger } from '@oslo-concurrency/core';
import { execute, LogErrors, ProcessAbortedError, ProcessExecutionError } from '@oslo-concurrency/processutils';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { randomDelay } from '../../src/command/option-values.js';

let messages: string[] = [];
let path = '';
beforeEach(() => {
  messages = [];
  path = join(mkdtempSync(join(tmpdir(), 'attempts-')), 'count');
  const log = (level: string) => (message: string) => messages.push(`${level} ${message.replace(/\d+\.\d{3}s/, 'Ns')}`);
  setLogger({ debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') });
});
afterEach(() => setLogger(undefined));

/** Fails until it has been run `times` times; each run leaves an `x` in the file. */
const succeedsAt = (times: number): string[] => [
  '-c',
  'printf x >> "$0"; test $(wc -c < "$0") -ge "$1"',
  path,
  String(times),
];
const runs = (): number => readFileSync(path, 'utf8').length;

describe('attempts', () => {
  it('runs once by default', async () => {
    await expect(execute('sh', succeedsAt(2))).rejects.toBeInstanceOf(ProcessExecutionError);
    expect(runs()).toBe(1);
  });

  it('runs until it succeeds, and says how often that was', async () => {
    const result = await execute('sh', succeedsAt(3), { attempts: 5, delayOnRetry: false });
    expect(result.attempts).toBe(3);
    expect(runs()).toBe(3);
  });

  it('rejects with the last failure when all fail', async () => {
    const error = await execute('sh', succeedsAt(9), { attempts: 3, delayOnRetry: false }).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'ERR_PROCESS_EXECUTION', attempts: 3 });
    expect(runs()).toBe(3);
  });

  it('tries a missing program again too, as oslo does', async () => {
    const error = await execute('no-such-program', [], { attempts: 2, delayOnRetry: false }).catch((e: unknown) => e);
    expect(error).toMatchObject({ attempts: 2, cause: { code: 'ENOENT' } });
  });

  it('does not try again after a timeout', async () => {
    const run = execute('sh', ['-c', 'printf x >> "$0"; exec sleep 30', path], { attempts: 3, timeout: 1000 });
    await expect(run).rejects.toMatchObject({ code: 'ERR_PROCESS_TIMEOUT' });
    expect(runs()).toBe(1);
  });

  it('waits what delayOnRetry gives between attempts, asked anew each time', async () => {
    const delays = [30, 60];
    const start = performance.now();
    await execute('sh', succeedsAt(3), { attempts: 3, delayOnRetry: () => delays.shift() ?? 10_000 });
    expect(performance.now() - start).toBeGreaterThanOrEqual(88);
    expect(delays).toEqual([]);
  });

  it('waits 200 to 2000 ms by default', async () => {
    const start = performance.now();
    await execute('sh', succeedsAt(2), { attempts: 2 });
    const took = performance.now() - start;
    expect(took).toBeGreaterThanOrEqual(199);
  });

  it('draws the default delay evenly from 200 to 2000 ms in steps of 10, as oslo does', () => {
    const drawn = new Set(Array.from({ length: 20_000 }, () => randomDelay()));
    expect([Math.min(...drawn), Math.max(...drawn), drawn.size]).toEqual([200, 2000, 181]);
    for (const delay of drawn) expect(delay % 10).toBe(0);
  });

  it('ends the wait at an abort', async () => {
    const abort = new AbortController();
    const run = execute('sh', succeedsAt(2), {
      attempts: 2,
      delayOnRetry: () => {
        abort.abort();
        return 60_000;
      },
      signal: abort.signal,
    });
    await expect(run).rejects.toBeInstanceOf(ProcessAbortedError);
    expect(runs()).toBe(1);
  });
});

describe('what is logged', () => {
  it('is what oslo logs: start, end, retry', async () => {
    await execute('sh', ['-c', 'exit 0']);
    await execute('sh', succeedsAt(2), { attempts: 2, delayOnRetry: false, logLevel: 'info' });
    const shown = `sh ${succeedsAt(2).join(' ')}`;
    expect(messages).toEqual([
      'debug Running cmd (subprocess): sh -c exit 0',
      'debug CMD "sh -c exit 0" returned: 0 in Ns',
      `info Running cmd (subprocess): ${shown}`,
      `info CMD "${shown}" returned: 1 in Ns`,
      `info '${shown}' failed. Retrying.`,
      `info Running cmd (subprocess): ${shown}`,
      `info CMD "${shown}" returned: 0 in Ns`,
    ]);
  });

  it.each([
    ['DEFAULT', 0],
    ['ALL', 2],
    ['FINAL', 1],
  ] as const)('LogErrors.%s logs %i of two failed attempts with their output', async (policy, count) => {
    const run = execute('sh', ['-c', 'echo out; exit 4'], {
      attempts: 2,
      delayOnRetry: false,
      logErrors: LogErrors[policy],
    });
    await expect(run).rejects.toBeInstanceOf(ProcessExecutionError);
    const details = "debug None\ncommand: 'sh -c echo out; exit 4'\nexit code: 4\nstdout: 'out\\n'\nstderr: ''";
    expect(messages.filter((message) => message === details)).toHaveLength(count);
    expect(messages.at(-1)).toBe("debug 'sh -c echo out; exit 4' failed. Not Retrying.");
  });

  it('names the system error of a program that could not be started', async () => {
    const run = execute('no-such-program', ['x'], { logErrors: LogErrors.ALL });
    await expect(run).rejects.toBeInstanceOf(ProcessExecutionError);
    expect(messages).toContain("debug Got an OSError\ncommand: 'no-such-program x'\nerrno: 2");
  });

  it('says that a command reached its timeout or was aborted', async () => {
    await execute('sleep', ['30'], { timeout: 50 }).catch(() => {});
    expect(messages.at(-1)).toBe('debug CMD "sleep 30" reached timeout in Ns');
    const abort = new AbortController();
    await execute('sleep', ['30'], { signal: abort.signal, onExecute: () => abort.abort() }).catch(() => {});
    expect(messages.at(-1)).toBe('debug CMD "sleep 30" was aborted in Ns');
  });
});
