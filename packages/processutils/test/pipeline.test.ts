import { getEventListeners } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import {
  execute,
  executePipeline,
  type PipelineCommand,
  PipelineError,
  type PipelineResult,
  ProcessAbortedError,
  ProcessExecutionError,
  ProcessTimeoutError,
  secret,
} from '@oslo-concurrency/processutils';
import { afterAll, describe, expect, expectTypeOf, it } from 'vitest';
import { endLeftovers, fixture, heldUp, processesWith, uniqueSleep, until } from './support/processes.js';

const directory = mkdtempSync(join(tmpdir(), 'pipeline-'));
afterAll(() => rmSync(directory, { recursive: true }));

let token = '';
endLeftovers();

async function failure(run: Promise<unknown>): Promise<PipelineError> {
  const error = await run.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(PipelineError);
  expect(error).toMatchObject({ code: 'ERR_PIPELINE' });
  return error as PipelineError;
}

const sh = (script: string, ...args: string[]): PipelineCommand => ['sh', ['-c', script, ...args]];

describe('executePipeline', () => {
  it('gives what the last command wrote, and the result of each', async () => {
    const { stdout, stages } = await executePipeline([
      ['printf', ['b\\na\\nb\\n']],
      ['sort'],
      ['sh', ['-c', 'uniq -c; echo warning >&2; exit 3'], { checkExitCode: 3 }],
    ]);
    expect(stdout.replaceAll(' ', '')).toBe('1a\n2b\n');
    expect(stages.map(({ exitCode, stderr }) => [exitCode, stderr])).toEqual([
      [0, ''],
      [0, ''],
      [3, 'warning\n'],
    ]);
    expect(stages[0]?.stdout).toBe('b\na\nb\n');
    expect(stages[1]?.command).toBe('sort');
  });

  it('takes an input for the first and a stream for the last command, and one command alone', async () => {
    const lines: string[] = [];
    const first = { processInput: '2\n1\n' };
    await executePipeline([
      ['cat', [], first],
      ['sort', [], { onStdoutLine: (line) => lines.push(line) }],
    ]);
    expect(lines).toEqual(['1', '2']);
    expect((await executePipeline([['echo', ['x']]])).stdout).toBe('x\n');
  });

  it('carries bytes as they are, however many', async () => {
    const flood: PipelineCommand[] = [['head', ['-c', '30000000', '/dev/zero']], ['cat'], ['wc', ['-c']]];
    expect((await executePipeline(flood)).stdout.trim()).toBe('30000000');
    const { stdout, stages } = await executePipeline([['printf', ['\\377\\376']], ['cat']], { binary: true });
    expect([stdout, stages[0]?.stdout]).toEqual([Buffer.from([255, 254]), Buffer.from([255, 254])]);
  });

  it('G24 holds a command up when the next one is slow', async () => {
    const gate = join(directory, 'gate');
    await execute('mkfifo', [gate]);
    const slow = sh(`read -r _ < ${gate}; head -c 1 >/dev/null; exec wc -c`);
    const before = process.memoryUsage().arrayBuffers;
    const run = executePipeline([['head', ['-c', '300000000', '/dev/zero']], slow]);
    const fast = (): number[] => processesWith('head\0-c\x00300000000\0');
    await until(() => fast().length === 1);
    await heldUp(fast()[0] ?? 0, 300_000_000);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50_000_000);
    writeFileSync(gate, 'go on\n');
    expect(Number((await run).stdout.trim())).toBeGreaterThan(299_900_000);
  });

  it('closes the output of a command when the next one has read enough, and does not judge how it ends then', async () => {
    const { stdout, stages } = await executePipeline([['yes'], ['head', ['-n', '2']]]);
    expect(stdout).toBe('y\ny\n');
    expect(stages[0]?.exitCode).not.toBe(0);
    const complains = sh('trap "" PIPE; while echo x; do :; done 2>/dev/null; exit 5');
    expect((await executePipeline([complains, ['true']])).stages.map(({ exitCode }) => exitCode)).toEqual([5, 0]);
    const writesLate = sh('sleep 0.5; while echo x; do :; done 2>/dev/null; exit 6');
    expect((await executePipeline([writesLate, ['true']])).stages[0]?.exitCode).not.toBe(0);
  });

  it('judges a command whose output was read whole, and one that died of another signal', async () => {
    const late = await failure(executePipeline([sh('echo x; sleep 0.5; exit 5'), ['head', ['-n', '1']]]));
    expect(late.stages).toMatchObject([{ exitCode: 5 }, { exitCode: 0, error: undefined }]);
    const killed = sh('trap "" PIPE; while echo x; do :; done 2>/dev/null; kill -9 $$');
    expect((await failure(executePipeline([killed, ['true']]))).stages[0]).toMatchObject({ exitCode: -9 });
  });

  it('takes any other SIGPIPE for a failure', async () => {
    const byItself = await failure(executePipeline([sh('kill -PIPE $$'), ['cat']]));
    expect(byItself.stages[0]).toMatchObject({ exitCode: -13 });
    const last = await failure(executePipeline([['true'], sh('kill -PIPE $$')]));
    expect(last.failed).toBe(1);
  });
});

describe('a pipeline of which a command fails', () => {
  it.each([0, 1, 2])('G23 reports it and ends the others with all they started: number %i', async (which) => {
    token = uniqueSleep();
    const stays = `trap "" TERM PIPE; setsid sleep ${token} & : > "$0"; while :; do sleep ${token}; done`;
    const ready = [0, 1].map((n) => join(directory, `ready-${which}-${n}`));
    // It fails when the two others no longer end at SIGTERM.
    const fails = sh('until [ -e "$0" ] && [ -e "$1" ]; do sleep 0.01; done; echo why >&2; exit 7', ...ready);
    const lives = ready.map((file) => sh(stays, file));
    const commands = [...lives.slice(0, which), fails, ...lives.slice(which)];
    const error = await failure(executePipeline(commands, { killGrace: 100 }));
    expect(error.failed).toBe(which);
    expect(error.cause).toBeInstanceOf(ProcessExecutionError);
    expect(error.cause).toMatchObject({ exitCode: 7, stderr: 'why\n' });
    expect(error.message).toMatch(new RegExp(`^Command ${which + 1} of 3 .*: Unexpected error while running command`));
    for (const [index, stage] of error.stages.entries()) {
      if (index === which) expect(stage).toMatchObject({ exitCode: 7, error: error.cause });
      else expect(stage.error).toMatchObject({ code: 'ERR_PROCESS_ABORTED', endedBy: 'SIGKILL', remaining: [] });
    }
    await until(() => processesWith(token).length === 0);
  });

  it('never lets the next command take a part of its input for the whole', async () => {
    const done = join(directory, 'done');
    const gate = join(directory, 'has-come');
    const breaks = sh('echo half; until [ -e "$0" ]; do sleep 0.01; done; exit 1', gate);
    const onStdoutLine = (): void => writeFileSync(gate, '');
    const error = await failure(executePipeline([breaks, ['sh', ['-c', 'cat; echo > "$0"', done], { onStdoutLine }]]));
    expect(error.stages).toMatchObject([{ exitCode: 1 }, { error: { code: 'ERR_PROCESS_ABORTED', stdout: 'half\n' } }]);
    expect(existsSync(done)).toBe(false);
  });

  it('says which succeeded, and that a program is missing', async () => {
    const succeeded = await failure(executePipeline([sh('exit 0'), sh('cat; exit 4')]));
    expect(succeeded.stages).toMatchObject([{ exitCode: 0, error: undefined }, { exitCode: 4 }]);
    token = uniqueSleep();
    const missing = await failure(executePipeline([['sleep', [token]], ['no-such-program']]));
    expect(missing.failed).toBe(1);
    expect(missing.message).toContain('The program no-such-program was not found in PATH.');
    expect(processesWith(token)).toEqual([]);
  });

  it('G23 ends all at the timeout, and at an abort, which is the cause', async () => {
    token = uniqueSleep();
    const stubborn: PipelineCommand = [fixture('ignores-term.sh'), [token]];
    const late = await failure(executePipeline([stubborn, stubborn], { timeout: 300, killGrace: 100 }));
    expect(late.cause).toBeInstanceOf(ProcessTimeoutError);
    const abort = new AbortController();
    const run = failure(executePipeline([stubborn, stubborn], { signal: abort.signal, killSignal: 'SIGKILL' }));
    await until(() => processesWith(`sleep\0${token}`).length === 2);
    abort.abort(new Error('enough'));
    expect((await run).cause).toBeInstanceOf(ProcessAbortedError);
    expect((await run).cause).toMatchObject({ cause: { message: 'enough' }, endedBy: 'SIGKILL' });
    await until(() => processesWith(token).length === 0);
    expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
    const before = await failure(executePipeline([['true'], ['true']], { signal: abort.signal }));
    expect(before.cause).toMatchObject({ code: 'ERR_PROCESS_ABORTED', pid: undefined });
  });

  it('G24 shows no secret of any command in the error of another', async () => {
    const commands: PipelineCommand[] = [
      ['printf', ['%s\\n%s\\n%s\\n', secret('s3cr3t-arg'), 'third', 'fourth'], { secrets: ['third'] }],
      sh('cat; exit 1'),
    ];
    const error = await failure(executePipeline(commands, { secrets: ['fourth'] }));
    const everything = inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error) + error.stack;
    expect(everything).not.toMatch(/s3cr3t-arg|third|fourth/);
    expect(error.cause).toMatchObject({ stdout: '***\n***\n***\n' });
  });

  it('leaves no descriptor open', async () => {
    const open = (): number => readdirSync('/proc/self/fd').length;
    await executePipeline([['yes'], ['head', ['-n', '1']]]);
    const before = open();
    for (let n = 0; n < 10; n += 1) {
      await executePipeline([['yes'], ['head', ['-n', '1']]]);
      await failure(executePipeline([['yes'], ['false']]));
      await failure(executePipeline([['yes'], ['no-such-program']]));
    }
    await until(() => open() <= before);
  });
});

describe('a wrong call of executePipeline', () => {
  it.each([
    ['commands', undefined, {}],
    ['commands', [], {}],
    ['commands', ['true'], {}],
    ['commands', [['true', [], null]], {}],
    ['commands', [['true', [], {}, {}]], {}],
    ['options', [['true']], null],
    ['option', [['true']], { attempts: 2 }],
    ['signal', [['true']], { signal: 1 }],
    ['secrets', [['true']], { secrets: 'x' }],
    ['commands[0].file', [[''], ['true']], {}],
    ['commands[1].args[0]', [['true'], ['true', [{}]]], {}],
    ['commands[-1].timeout', [['true'], ['true']], { timeout: -1 }],
    ['commands[1].killGrace', [['true'], ['true', [], { killGrace: -1 }]], {}],
    ['commands[0].attempts', [['true', [], { attempts: 1 }], ['true']], {}],
    ['commands[0].delayOnRetry', [['true', [], { delayOnRetry: true }], ['true']], {}],
    ['commands[0].signal', [['true', [], { signal: AbortSignal.abort() }], ['true']], {}],
    ['commands[0].binary', [['true', [], { binary: true }], ['true']], {}],
    ['commands[0].stdout', [['true', [], { stdout: 'tee' }], ['true']], {}],
    ['commands[1].processInput', [['true'], ['true', [], { processInput: 'x' }]], {}],
    ['commands[1].stdin', [['true'], ['true', [], { stdin: 'inherit' }]], {}],
  ])('is refused as %s before anything is started', async (option, commands, options) => {
    const file = join(directory, 'started');
    const all = Array.isArray(commands) ? [['touch', [file]], ...commands] : commands;
    const shifted = option.replace(/-?\d/, (digit) => String(Number(digit) + 1));
    // An empty list has to stay one.
    const given = Array.isArray(commands) && commands.length === 0 ? commands : all;
    const error = await executePipeline(given as never, options as never).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION', option: shifted });
    expect(existsSync(file)).toBe(false);
  });

  it('does not compile', () => {
    expectTypeOf(executePipeline([['true']])).resolves.toEqualTypeOf<PipelineResult>();
    void (() => {
      expectTypeOf(executePipeline([['true']], { binary: true })).resolves.toEqualTypeOf<PipelineResult<Buffer>>();
      // @ts-expect-error a command of a pipeline has one attempt
      void executePipeline([['true', [], { attempts: 2 }]]);
      // @ts-expect-error a pipeline has commands, not words
      void executePipeline(['true']);
    });
  });
});
