import { setTimeout as pause } from 'node:timers/promises';
import { execute, ProcessTimeoutError, trycmd } from '@oslo-concurrency/processutils';
import { describe, expect, it } from 'vitest';
import { endLeftovers, processesWith, uniqueSleep, until } from '../support/processes.js';
import { rejection } from '../support/rejection.js';

let token = '';
endLeftovers();

describe('onExecute and onCompletion', () => {
  it('are called once each, with pid and masked command, for each attempt', async () => {
    const calls: unknown[] = [];
    const run = execute('sh', ['-c', 'exit 1', '--password', 'hunter2'], {
      attempts: 2,
      delayOnRetry: false,
      onExecute: ({ pid, command, attempt }) => calls.push(['execute', pid > 0, command, attempt]),
      onCompletion: ({ pid, command, attempt, kill }) => calls.push(['completion', pid > 0, command, attempt, kill()]),
    });
    expect(await rejection(run)).toMatchObject({ exitCode: 1 });
    const command = 'sh -c exit 1 --password ***';
    expect(calls).toEqual([
      ['execute', true, command, 1],
      ['completion', true, command, 1, false],
      ['execute', true, command, 2],
      ['completion', true, command, 2, false],
    ]);
  });

  it('get a handle that sends what it is told to and no SIGKILL after it', async () => {
    let kill = (): void => {};
    const run = execute('sh', ['-c', 'trap "sleep 6; exit 7" TERM; echo ready; while :; do sleep 0.05; done'], {
      checkExitCode: 7,
      onExecute: (running) => {
        kill = () => void running.kill('SIGTERM');
      },
      onStdoutLine: () => kill(),
    });
    expect(await run).toMatchObject({ exitCode: 7 });
  });

  it('get a handle that signals the process', async () => {
    const run = execute('sleep', ['30'], { onExecute: (running) => running.kill('SIGINT') });
    expect(await rejection(run)).toMatchObject({ exitCode: -2, signal: 'SIGINT' });
  });

  it('are both called when a command reaches its timeout', async () => {
    const calls: string[] = [];
    const run = execute('sleep', ['30'], {
      timeout: 50,
      onExecute: () => calls.push('execute'),
      onCompletion: () => calls.push('completion'),
    });
    expect(await rejection(run)).toBeInstanceOf(ProcessTimeoutError);
    expect(calls).toEqual(['execute', 'completion']);
  });

  it('end the command when they throw', async () => {
    token = uniqueSleep();
    const bug = new Error('bug');
    const run = execute('sleep', [token], {
      onExecute: () => {
        throw bug;
      },
    });
    expect(await rejection(run)).toBe(bug);
    await until(() => processesWith(token).length === 0);
    const late = execute('true', [], {
      onCompletion: () => {
        throw bug;
      },
    });
    expect(await rejection(late)).toBe(bug);
  });
});

describe('a callback that gives a promise', () => {
  const bug = new Error('bug');
  const rejecting = async (): Promise<void> => {
    await pause(20);
    throw bug;
  };

  it.each(['onExecute', 'onStdoutLine', 'onStderrLine'] as const)(
    'which rejects ends the command, and is what execute rejects with: %s',
    async (name) => {
      token = uniqueSleep();
      const script = `echo x; echo y >&2; exec sleep ${token}`;
      expect(await rejection(execute('sh', ['-c', script], { [name]: rejecting }))).toBe(bug);
      await until(() => processesWith(token).length === 0);
    },
  );

  it.each(['onExecute', 'onCompletion', 'onStdoutLine', 'onStderrLine'] as const)(
    'which rejects after the command has ended is what execute rejects with: %s',
    async (name) => {
      const options = { [name]: rejecting };
      expect(await rejection(execute('sh', ['-c', 'echo x; echo y >&2'], options))).toBe(bug);
      expect(await rejection(trycmd('sh', ['-c', 'echo x; echo y >&2'], options))).toBe(bug);
    },
  );

  it('is waited for, however many there are', async () => {
    const done: string[] = [];
    const slowly = (what: string) => async (): Promise<void> => {
      await pause(30);
      done.push(what);
    };
    await execute('seq', ['3'], {
      onExecute: slowly('execute'),
      onStdoutLine: slowly('line'),
      onCompletion: slowly('completion'),
    });
    expect(done).toEqual(['execute', 'line', 'line', 'line', 'completion']);
  });

  it('which never settles is waited for until the timeout', async () => {
    const never = (): Promise<void> => new Promise(() => {});
    const error = await rejection(execute('true', [], { onExecute: never, timeout: 200 }));
    expect(error).toBeInstanceOf(ProcessTimeoutError);
    expect((error as Error).message).toMatch(/within 200 ms before .* a callback had ended/);
  });

  it('which rejects is not unhandled, though another one has failed before', async () => {
    const unhandled: unknown[] = [];
    const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
    process.on('unhandledRejection', onUnhandled);
    let count = 0;
    const each = async (): Promise<void> => {
      count += 1;
      throw new Error(`${count}`);
    };
    const error = await rejection(execute('seq', ['5'], { onStdoutLine: each, onCompletion: each }));
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', onUnhandled);
    expect(error).toEqual(new Error('1'));
    expect(unhandled).toEqual([]);
  });

  it('which rejects is followed by no more lines', async () => {
    const lines: string[] = [];
    const run = execute('sh', ['-c', 'trap "" TERM; echo 1; sleep 0.2; echo 2; sleep 60'], {
      // Long enough for the second line, which a command writes that does not end when asked to.
      killGrace: 600,
      onStdoutLine: (line) => {
        lines.push(line);
        return line === '1' ? Promise.reject(bug) : undefined;
      },
    });
    expect(await rejection(run)).toBe(bug);
    expect(lines).toEqual(['1']);
  });
});
