import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { commandChannels, setLogger } from '@oslo-concurrency/core';
import {
  type CommandArgument,
  type ExecuteOptions,
  execute,
  isSecretArgument,
  LogErrors,
  ProcessExecutionError,
  type SshClient,
  secret,
  sshExecute,
  trycmd,
} from '@oslo-concurrency/processutils';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkCommand } from '../src/command/check-command.js';
import { revealed } from '../src/secrets.js';
import { fixture } from './support/processes.js';

/** Everything that got out while a command ran, other than its result. */
let leaks: string[] = [];
const listen = (message: unknown): void => {
  leaks.push(inspect(message), JSON.stringify(message));
};

beforeEach(() => {
  leaks = [];
  const log = (message: string): void => void leaks.push(message);
  setLogger({ debug: log, info: log, warn: log, error: log });
  for (const channel of Object.values(commandChannels)) channel.subscribe(listen);
});
afterEach(() => {
  setLogger(undefined);
  for (const channel of Object.values(commandChannels)) channel.unsubscribe(listen);
});

/** All that can be got out of an error, to any depth. */
function everythingIn(error: unknown): string {
  const texts = [String(error), inspect(error, { depth: 10, showHidden: true }), JSON.stringify(error) ?? ''];
  for (let link = error; link instanceof Error; link = link.cause) {
    const own = Object.getOwnPropertyNames(link).map((name) => inspect((link as never)[name], { depth: 10 }));
    texts.push(link.message, link.stack ?? '', ...own);
  }
  if (error instanceof Error) texts.push(inspect(structuredClone(error)));
  return texts.join('\n');
}

/** A command line with a secret in it, and the secret. */
interface Leaky {
  readonly value: string;
  readonly args: readonly CommandArgument[];
  readonly secrets: readonly string[];
}

// Starts with what no command line holds by accident, so that finding it means a leak.
const token = fc.stringMatching(/^[a-zA-Z0-9_.,;+-]{4,12}$/).map((text) => `Zq7${text}`);
const odd = fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }).map((text) => `Zq7${text.replaceAll('\0', '')}`);
const key = fc.constantFrom('password', 'adminPass', 'auth_token', 'TOKEN', 'private_key', 'sslkey2', 'secret_uuid');
const plain = fc.array(fc.constantFrom('-v', 'list', '--name', 'x=y', "it's", '"', '{', 'passwort', '=', '--'), {
  maxLength: 4,
});

const shapes: fc.Arbitrary<Leaky> = fc.tuple(plain, plain).chain(([before, after]) =>
  fc.oneof(
    odd.map((value) => ({ value, args: [...before, secret(value), ...after], secrets: [] })),
    odd.map((value) => ({ value, args: [...before, secret(`--pass-phrase ${value}`), ...after], secrets: [] })),
    odd.map((value) => ({ value, args: [...before, `url://u:${value}@host/`, ...after], secrets: [value] })),
    fc.tuple(key, token).map(([k, value]) => ({ value, args: [...before, `${k}=${value}`, ...after], secrets: [] })),
    fc.tuple(key, token).map(([k, value]) => ({ value, args: [...before, `--${k}`, value, ...after], secrets: [] })),
    fc.tuple(key, token).map(([k, value]) => ({ value, args: [...before, `{"${k}": "${value}"}`], secrets: [] })),
    fc.tuple(key, token).map(([k, value]) => ({ value, args: [`<${k}>${value}</${k}>`, ...after], secrets: [] })),
  ),
);

const seeded = (numRuns: number): fc.Parameters<unknown> => ({
  numRuns,
  ...(process.env.FC_SEED === undefined ? {} : { seed: Number(process.env.FC_SEED) }),
  ...(process.env.FC_PATH === undefined ? {} : { path: process.env.FC_PATH }),
});

describe('secrets', () => {
  it('G24 are in nothing that is shown of 10,000 generated commands', () => {
    let hidden = 0;
    void fc.assert(
      fc.property(shapes, ({ value, args, secrets }) => {
        const { shown, mask } = checkCommand('program', args, { secrets });
        // What the command writes is the same arguments again.
        const written = mask(
          args.map((argument) => (isSecretArgument(argument) ? revealed(argument) : argument)).join(' '),
        );
        const error = new ProcessExecutionError({ cmd: shown, stdout: written, stderr: written, exitCode: 1 });
        if (shown.includes('***')) hidden += 1;
        const all = inspect(error, { showHidden: true }) + JSON.stringify(error);
        if (all.includes(value) || all.includes('Zq7')) expect.fail(all);
      }),
      seeded(10_000),
    );
    expect(hidden).toBe(10_000);
  });

  it('G24 do not leak from real commands that fail, are missing, time out or are aborted', async () => {
    await fc.assert(
      fc.asyncProperty(
        shapes,
        fc.constantFrom('fails', 'missing', 'cwd', 'times out', 'aborted', 'limits'),
        async (leaky, how) => {
          leaks = [];
          const error = await failing(leaky, how);
          const all = `${everythingIn(error)}\n${leaks.join('\n')}`;
          expect(all).toContain('***');
          expect(all).not.toContain(leaky.value);
          expect(all).not.toContain('Zq7');
        },
      ),
      seeded(Number(process.env.FC_RUNS ?? 150)),
    );
  });

  async function failing({ value, args, secrets }: Leaky, how: string): Promise<unknown> {
    const abort = new AbortController();
    const options: ExecuteOptions = {
      secrets: [...secrets, value],
      env: { PATH: process.env.PATH, SECRET_VALUE: value },
      processInput: value,
      logErrors: LogErrors.ALL,
      ...(how === 'cwd' ? { cwd: `/no/such/${value}` } : {}),
      ...(how === 'times out' ? { timeout: 15, killGrace: 0 } : {}),
      ...(how === 'aborted' ? { signal: abort.signal, onExecute: (running) => abort.abort(listen(running)) } : {}),
      ...(how === 'limits' ? { prlimit: { cpuTime: 5 } } : {}),
    };
    const programs: Readonly<Record<string, string>> = { missing: `no-such-${value}`, 'times out': 'sh' };
    const words = how === 'times out' ? ['-c', 'exec sleep 9', ...args] : args;
    const run = execute(programs[how] ?? fixture('echoes-arguments.sh'), words, options);
    return run.then(
      () => expect.fail('it was to fail'),
      (error: unknown) => error,
    );
  }

  it('are in none of the messages about a wrong argument', async () => {
    for (const wrong of [
      () => execute('x', 'Zq7' as never),
      () => execute('x', ['a', { toString: () => 'Zq7' } as never]),
      () => execute('x', ['Zq7\0']),
      () => execute('x', [], { secrets: 'Zq7' as never }),
      () => execute('x', [], { env: 'Zq7' as never }),
      () => execute('x', [], { env: { A: 'Zq7\0' } }),
      () => execute('x', [], { processInput: { input: 'Zq7' } as never }),
      () => execute('x', [], 'Zq7' as never),
    ]) {
      const error = await wrong().catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION' });
      expect(everythingIn(error)).not.toContain('Zq7');
    }
  });

  it('marked as such show in no way of looking at the argument', () => {
    const argument = secret('hunter2');
    const views = [
      String(argument),
      `${argument}`,
      inspect(argument, { showHidden: true, depth: 5 }),
      JSON.stringify([argument]),
    ];
    expect(views.join(' ') + JSON.stringify({ ...argument })).not.toContain('hunter2');
  });

  it('reach the command, and stay in the output of one that succeeds', async () => {
    const { stdout, command } = await execute('printf', ['%s', secret('password=hunter2')]);
    expect(stdout).toBe('password=hunter2');
    expect(command).toBe('printf %s ***');
  });

  it('that stand across the cut of a truncated output leave neither half', async () => {
    const value = `Zq7${randomBytes(20).toString('hex')}`;
    for (let shift = 0; shift < value.length; shift += 7) {
      const before = 'x'.repeat(50 - shift);
      const script = 'printf "%s%s%s" "$0" "$1" "$2"; exit 1';
      const run = execute('sh', ['-c', script, before, secret(value), 'y'.repeat(200)], { maxBuffer: 100 });
      const error = (await run.catch((reason: unknown) => reason)) as ProcessExecutionError;
      expect(error.stdout).toMatch(/^\n?\[truncated: \d+ bytes left out\]\n/);
      expect(error.stdout).not.toContain('Zq7');
    }
  });

  it('that are part of the name of a key do not keep the key from being seen', async () => {
    const run = execute('sh', ['-c', 'echo password=hunter2; exit 1'], { secrets: ['pass'] });
    const error = (await run.catch((reason: unknown) => reason)) as ProcessExecutionError;
    expect(everythingIn(error)).not.toContain('hunter2');
  });

  it('G24 execa prints no command, whatever NODE_DEBUG says', async () => {
    const program = `
      import { execute, secret } from '@oslo-concurrency/processutils';
      await execute('printf', ['x', secret('Zq7hidden')]);`;
    const { stderr } = await execute(process.execPath, ['--input-type=module', '-e', program], {
      env: { NODE_DEBUG: 'execa' },
      extendEnv: true,
      cwd: fixture('.'),
    });
    expect(stderr).not.toContain('Zq7');
  });

  it.each([
    ['an unknown option', { Zq7hidden: 1 }],
    ['a key of env', { env: { Zq7hidden: 7 } }],
    ['a wrong value', { timeout: 'Zq7hidden' }],
    ['a wrong path', { cwd: 'Zq7hidden\0' }],
    ['a wrong object', { signal: { deep: { deeper: 'Zq7hidden' } } }],
    ['a limit', { prlimit: { Zq7hidden: 1 } }],
  ])('G24 that came to stand in %s is not shown when that is refused', async (_what, options) => {
    const given = { ...options, secrets: ['Zq7hidden'] } as ExecuteOptions;
    const error = await execute('true', [], given).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION' });
    expect(everythingIn(error)).not.toContain('Zq7');
  });

  it.each([
    ['the name of a variable', { env: { 'PASSWORD=Zq7x': '' } }],
    ['the name of a variable, after NUL', { env: { 'A\0Zq7x': '' } }],
    ['a value beside a key', { cwd: 'password=Zq7x\0' }],
    ['an object', { signal: { password: 'Zq7x' } }],
  ])('G24 that the caller did not name is not shown when it stands in %s that is refused', async (_what, options) => {
    for (const run of [execute, trycmd]) {
      const error = await run('true', [], options as ExecuteOptions).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION' });
      expect(everythingIn(error)).not.toContain('Zq7');
    }
  });

  it('the name of a refused variable is shown up to what may be a value', async () => {
    const error = await execute('true', [], { env: { 'PASSWORD=x': '' } }).catch((reason: unknown) => reason);
    expect((error as Error).message).toMatch(/^env must be .*; got 'PASSWORD…'/);
  });

  const client = { exec: () => {} } as unknown as SshClient;
  it.each<[string, object]>([
    ['an unknown option', { Zq7hidden: 1 }],
    ['a wrong value', { timeout: 'Zq7hidden' }],
    ['its own option', { discardWarnings: 'Zq7hidden', sanitizeStdout: 'Zq7hidden' }],
    ['a wrong object', { discardWarnings: { deep: 'Zq7hidden' }, sanitizeStdout: { deep: 'Zq7hidden' } }],
    ['an option it refuses', { binary: 'Zq7hidden', processInput: 'Zq7hidden' }],
  ])('G24 that came to stand in %s is not shown by trycmd and sshExecute either', async (_what, options) => {
    const given = { ...options, secrets: ['Zq7hidden'] };
    for (const run of [() => trycmd('true', [], given as never), () => sshExecute(client, 'true', given as never)]) {
      const error = await run().catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: 'ERR_INVALID_OPTION' });
      expect(everythingIn(error)).not.toContain('Zq7');
    }
  });

  it('G24 are in no message of trycmd about options that are none', async () => {
    const error = await trycmd('true', [], 'Zq7' as never).catch((reason: unknown) => reason);
    expect(everythingIn(error)).not.toContain('Zq7');
  });
});
