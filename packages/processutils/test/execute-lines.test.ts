import { execFileSync } from 'node:child_process';
import { getEventListeners } from 'node:events';
import {
  type ExecuteLinesOptions,
  type ExecuteResult,
  execute,
  executeLines,
  ProcessAbortedError,
  ProcessExecutionError,
  ProcessTimeoutError,
  type RunningCommand,
  secret,
} from '@oslo-concurrency/processutils';
import * as fc from 'fast-check';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { hasPython } from '../../../installed.js';
import { asPlainUser, plainUserIsPossible } from './support/plain-user.js';
import { bytesWritten, endLeftovers, fixture, heldUp, processesWith, uniqueSleep, until } from './support/processes.js';
import { writesInOrder } from './support/writes-in-order.js';

let token = '';
endLeftovers();

/** A callback for `onCompletion`, and what resolves when it is called. */
function completion(): { readonly ended: Promise<void>; onCompletion(): void } {
  let onCompletion = (): void => {};
  const ended = new Promise<void>((resolve) => {
    onCompletion = resolve;
  });
  return { ended, onCompletion };
}

/** All lines, and what the loop over them throws. */
async function readAll(lines: AsyncIterable<string>): Promise<{ lines: string[]; error: unknown }> {
  const read: string[] = [];
  try {
    for await (const line of lines) read.push(line);
    return { lines: read, error: undefined };
  } catch (error) {
    return { lines: read, error };
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('executeLines', () => {
  it('gives each line without its end, the last one without one too, and then the result', async () => {
    const lines = executeLines('printf', ['a\\r\\n\\nb c\\nlast']);
    const read: string[] = [];
    let step = await lines.next();
    for (; !step.done; step = await lines.next()) read.push(step.value);
    expect(read).toEqual(['a', '', 'b c', 'last']);
    expect(step.value).toMatchObject({ exitCode: 0, stdout: 'a\r\n\nb c\nlast', command: expect.any(String) });
  });

  it('gives the lines while the command runs', async () => {
    token = uniqueSleep();
    for await (const line of executeLines('sh', ['-c', 'echo first; sleep "$0"; echo second', token])) {
      expect(line).toBe('first');
      expect(processesWith(`sleep\0${token}`).length).toBeLessThan(2);
      break;
    }
    expect(processesWith(token)).toEqual([]);
  });

  it.each([
    ['stdout', ['out']],
    ['stderr', ['err']],
  ] as const)('reads %s alone, and the result has the other one whole', async (from, expected) => {
    const { lines, error } = await readAll(executeLines('sh', ['-c', 'echo out; echo err >&2'], { from }));
    expect({ lines, error }).toEqual({ lines: expected, error: undefined });
  });

  it.runIf(hasPython)('reads both, lines whole, in the order in which they were completed', async () => {
    const script = writesInOrder([1, 'begun'], [2, 'warning\n'], [1, ' and ended\n'], [2, 'last\n']);
    const { lines } = await readAll(executeLines('sh', ['-c', script], { from: 'all' }));
    expect(lines).toEqual(['warning', 'begun and ended', 'last']);
  });

  it('loses and adds nothing, however many lines there are and however slow the loop is', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 60_000 }),
        fc.nat(3),
        fc.integer({ min: 1, max: 20_000 }),
        async (count, turns, every) => {
          let expected = 0;
          for await (const line of executeLines('seq', ['1', String(count)])) {
            expected += 1;
            expect(line).toBe(String(expected));
            for (let n = 0; n < turns && expected % every === 0; n += 1) await turn();
          }
          expect(expected).toBe(count);
        },
      ),
      { numRuns: 15 },
    );
  });

  it.each(['stdout', 'stderr', 'all'] as const)(
    'G24 holds the command up while the loop is busy, reading %s',
    async (from) => {
      let pid = 0;
      const onExecute = (running: RunningCommand): void => {
        pid = running.pid;
      };
      const script = from === 'stderr' ? 'exec yes "$0" >&2' : 'exec yes "$0"';
      for await (const line of executeLines('sh', ['-c', script, 'x'.repeat(1000)], { from, onExecute })) {
        expect(line).toHaveLength(1000);
        // The event loop is free, so that what is not held comes, by the gigabyte.
        await heldUp(pid, 3_000_000);
        expect(bytesWritten(pid)).toBeLessThan(3_000_000);
        break;
      }
    },
  );

  it('throws the error of the command after its last line', async () => {
    const { lines, error } = await readAll(executeLines('sh', ['-c', 'echo a; echo b; echo why >&2; exit 3']));
    expect(lines).toEqual(['a', 'b']);
    expect(error).toBeInstanceOf(ProcessExecutionError);
    expect(error).toMatchObject({ exitCode: 3, stdout: 'a\nb\n', stderr: 'why\n', attempts: 1 });
  });

  it('keeps to checkExitCode', async () => {
    const run = readAll(executeLines('sh', ['-c', 'echo a; exit 3'], { checkExitCode: [0, 3] }));
    expect(await run).toEqual({ lines: ['a'], error: undefined });
  });

  it('G24 shows no secret in the error, and the lines as they are', async () => {
    const command = ['sh', ['-c', 'echo "$1"; exit 1', 'sh', secret('hunter2')]] as const;
    const { lines, error } = await readAll(executeLines(...command));
    expect(lines).toEqual(['hunter2']);
    expect(error).toMatchObject({ stdout: '***\n', cmd: expect.not.stringContaining('hunter2') });
  });

  it('G23 ends the command at its timeout, which counts the time of the loop', async () => {
    token = uniqueSleep();
    const run = readAll(executeLines(fixture('ignores-term.sh'), [token], { timeout: 1000, killGrace: 100 }));
    const { lines, error } = await run;
    expect(lines).toEqual(['ready']);
    expect(error).toBeInstanceOf(ProcessTimeoutError);
    await until(() => processesWith(token).length === 0);
    const { ended, onCompletion } = completion();
    const slow = executeLines('seq', ['1', '1000000'], { timeout: 200, onCompletion });
    const begun = async (): Promise<void> => {
      for await (const _ of slow) await ended;
    };
    await expect(begun()).rejects.toBeInstanceOf(ProcessTimeoutError);
  });

  it('ends the command when its signal is aborted, also one that was before, and leaves no listener', async () => {
    const abort = new AbortController();
    const lines = executeLines('sh', ['-c', 'echo ready; sleep 60'], { signal: abort.signal });
    expect(await lines.next()).toEqual({ done: false, value: 'ready' });
    abort.abort(new Error('enough'));
    const error = await lines.next().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ProcessAbortedError);
    expect(error).toMatchObject({ cause: { message: 'enough' } });
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
    const late = await readAll(executeLines('true', [], { signal: abort.signal }));
    expect(late.error).toMatchObject({ code: 'ERR_PROCESS_ABORTED', pid: undefined, cause: { message: 'enough' } });
  });
});

describe('a loop over executeLines that is left early', () => {
  it.each(['break', 'throw'] as const)('G23 by %s ends the command with all it started', async (how) => {
    token = uniqueSleep();
    const bug = new Error('bug');
    const loop = async (): Promise<void> => {
      for await (const line of executeLines(fixture('double-forks.sh'), [token])) {
        expect(line).toBe('ready');
        if (how === 'throw') throw bug;
        break;
      }
    };
    if (how === 'throw') await expect(loop()).rejects.toBe(bug);
    else await loop();
    expect(processesWith(token)).toEqual([]);
  });

  it('G23 ends a command that waits for it to take more', async () => {
    for await (const line of executeLines('yes', ['x'.repeat(100)])) {
      expect(line).toHaveLength(100);
      break;
    }
  });

  it('does not mind how the command ended, by itself or by its timeout', async () => {
    for (const script of ['echo a; exit 3', 'seq 1 1000; exit 3', 'echo a; exec sleep 60']) {
      const { ended, onCompletion } = completion();
      for await (const _ of executeLines('sh', ['-c', script], { timeout: 1000, onCompletion })) {
        if (script.endsWith('60')) await ended;
        break;
      }
    }
  });

  it.skipIf(!plainUserIsPossible)('G23 throws when something of the command could not be ended', () => {
    token = uniqueSleep();
    const [file = '', ...args] = asPlainUser('leaves-loop.mjs', token);
    expect(execFileSync(file, args, { encoding: 'utf8' })).toMatch(/^ProcessAbortedError not permitted/);
  });

  it('throws what a callback has thrown meanwhile', async () => {
    const bug = new Error('bug');
    const loop = async (): Promise<void> => {
      const onCompletion = (): never => {
        throw bug;
      };
      for await (const _ of executeLines('sh', ['-c', 'echo a; sleep 60'], { onCompletion })) break;
    };
    // The abort came first; that is what ended it.
    await loop();
    const failing = executeLines('echo', ['a'], { onCompletion });
    function onCompletion(): never {
      throw bug;
    }
    expect((await readAll(failing)).error).toBe(bug);
  });

  it('has started nothing when it never asked for a line', async () => {
    const lines = executeLines('true', [], { onExecute: () => expect.fail('it was started') });
    expect(await lines.return({} as ExecuteResult)).toMatchObject({ done: true });
  });
});

describe('a wrong call of executeLines', () => {
  it.each([
    ['from', { from: 'fd3' }],
    ['binary', { binary: true }],
    ['attempts', { attempts: 2 }],
    ['delayOnRetry', { delayOnRetry: false }],
    ['onStdoutLine', { onStdoutLine: () => {} }],
    ['onStderrLine', { onStderrLine: () => {} }],
    ['stdout', { stdout: 'tee' }],
    ['stderr', { stderr: 'ignore', from: 'stderr' }],
    ['stdout', { stdout: process.stdout, from: 'all' }],
    ['stderr', { stderr: process.stderr, from: 'all' }],
    ['signal', { signal: 1 }],
    ['timeout', { timeout: -1 }],
    ['option', { shel: true }],
    ['options', null],
  ])('is refused as %s before anything is started', async (option, wrong) => {
    const options = wrong && { ...wrong, onExecute: () => expect.fail('it was started') };
    const { error } = await readAll(executeLines('true', [], options as never));
    expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION', option });
  });

  it('may still say where the stream goes that is not read', async () => {
    expect((await readAll(executeLines('sh', ['-c', 'echo a; echo b >&2'], { stderr: 'ignore' }))).lines).toEqual([
      'a',
    ]);
    const errors = await readAll(executeLines('sh', ['-c', 'echo b >&2'], { from: 'stderr', stdout: 'ignore' }));
    expect(errors.lines).toEqual(['b']);
  });

  it('does not compile', () => {
    expectTypeOf(executeLines).returns.toEqualTypeOf<AsyncGenerator<string, ExecuteResult, void>>();
    expectTypeOf<ExecuteLinesOptions>().not.toHaveProperty('binary');
    // @ts-expect-error lines are text
    void (() => executeLines('true', [], { binary: true }));
    // @ts-expect-error there is one attempt
    void (() => executeLines('true', [], { attempts: 2 }));
  });
});

it('executeLines serves many loops with one signal without a warning of Node', async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  process.on('warning', onWarning);
  const { signal } = new AbortController();
  await Promise.all(Array.from({ length: 16 }, () => readAll(executeLines('echo', ['x'], { signal }))));
  await turn();
  process.off('warning', onWarning);
  expect([warnings, getEventListeners(signal, 'abort')]).toEqual([[], []]);
  expect((await execute('echo', ['x'])).stdout).toBe('x\n');
});
