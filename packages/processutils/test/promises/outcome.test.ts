import { execFileSync } from 'node:child_process';
import { execute, ProcessExecutionError, trycmd } from '@oslo-concurrency/processutils';
import { describe, expect, it } from 'vitest';
import { asPlainUser, plainUserIsPossible } from '../support/plain-user.js';

interface Run {
  readonly cause: string;
  readonly on: Readonly<Record<string, boolean>>;
  readonly outcome: { readonly code?: string; readonly exitCode?: number; readonly description?: string };
  readonly tried: string;
}

describe.skipIf(!plainUserIsPossible)(
  'what keeps a command from starting (needs root, and the Debian package sudo)',
  () => {
    it('G29 is a failure to start under every combination of limits, wrapper, root helper, shell, timeout and accepted exit codes', () => {
      const [file = '', ...args] = asPlainUser('start-failures.mjs');
      const lines = execFileSync(file, args, { encoding: 'utf8', maxBuffer: 2 ** 24 })
        .trim()
        .split('\n');
      const runs = lines.map((line) => JSON.parse(line) as Run);
      expect(new Set(runs.map(({ cause }) => cause)).size).toBe(11);
      expect(runs).toHaveLength(4 * 32 + 6 * 32 + 64);
      const wrong = runs.filter(({ outcome, tried }) => {
        return (
          outcome.code !== 'ERR_PROCESS_EXECUTION' || outcome.exitCode !== undefined || tried !== outcome.description
        );
      });
      expect(wrong).toEqual([]);
    });
  },
);

describe('an exit code of the command itself', () => {
  it.each([1, 2, 99, 125, 126, 127])('%i is no failure to start, whatever stands in front', async (code) => {
    const script = `echo "some: words" >&2; exit ${code}`;
    for (const options of [{}, { timeout: 60_000 }, { prlimit: { cpuTime: 99 } }, { wrapper: ['nice'] }]) {
      const result = await execute('sh', ['-c', script], { ...options, checkExitCode: false });
      expect(result.exitCode).toBe(code);
      await expect(execute('sh', ['-c', script], options)).rejects.toMatchObject({ exitCode: code });
    }
  });
});

describe('a command that a real-time signal ended', () => {
  const signals = [
    [34, 'SIGRTMIN'],
    [35, 'SIGRTMIN+1'],
    [50, 'SIGRTMIN+16'],
    [64, 'SIGRTMAX'],
  ] as const;
  const combinations = [
    {},
    { timeout: 60_000 },
    { prlimit: { cpuTime: 99 } },
    { wrapper: ['nice'] },
    { stdout: 'inherit' },
    { stderr: 'ignore' },
    { onStdoutLine: () => {} },
  ] as const;

  it.each(signals)('G29 is a failure with exit code -%i and the name %s, as in Python', async (number, name) => {
    for (const options of combinations) {
      for (const shell of [true, false]) {
        const call = shell ? ([`kill -${number} $$`, []] as const) : (['sh', ['-c', `kill -${number} $$`]] as const);
        const error = await execute(call[0], call[1], { ...options, shell }).catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(ProcessExecutionError);
        expect(error).toMatchObject({ exitCode: -number, signal: name });
        expect((await trycmd(call[0], call[1], { ...options, shell })).stderr).toContain(`Exit code: -${number}\n`);
      }
    }
    expect((await execute('sh', ['-c', `kill -${number} $$`], { checkExitCode: -number })).exitCode).toBe(-number);
  });

  it('G29 is a failure too when the command had closed its standard output long before', async () => {
    const call = execute('sh', ['-c', 'exec >&-; sleep 0.1; kill -34 $$']);
    await expect(call).rejects.toMatchObject({ exitCode: -34, signal: 'SIGRTMIN' });
  });

  it('is not taken for one that closes its output and exits later', async () => {
    expect((await execute('sh', ['-c', 'exec >&- 2>&-; sleep 0.05; exit 0'])).exitCode).toBe(0);
    expect((await execute('sh', ['-c', 'exec >&- 2>&-; sleep 0.05; exit 3'], { checkExitCode: 3 })).exitCode).toBe(3);
  });
});
