import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execute, ProcessAbortedError, sshExecute, trycmd } from '@oslo-concurrency/processutils';
import { afterAll, describe, expect, expectTypeOf, it } from 'vitest';
import { endLeftovers, fixture, processesWith, uniqueSleep, unloadedNow, until } from '../support/processes.js';
import { rejection } from '../support/rejection.js';
import { connect, sshd, startSshServer } from '../support/ssh-server.js';

const directory = mkdtempSync(join(tmpdir(), 'kill-signal-'));
afterAll(() => rmSync(directory, { recursive: true }));

let token = '';
endLeftovers();

/** A script that ends at SIGINT, says so, and takes no notice of SIGTERM. */
const endsAtInterrupt = `trap 'echo interrupted; exit' INT; trap '' TERM; echo ready; while :; do sleep "$0"; done`;

describe('killSignal', () => {
  it.each(['execute', 'trycmd'] as const)('G23 asks a command of %s to end in place of SIGTERM', async (name) => {
    token = uniqueSleep();
    const abort = new AbortController();
    const options = { killSignal: 'SIGINT', killGrace: 30_000, signal: abort.signal } as const;
    const run = rejection((name === 'execute' ? execute : trycmd)('sh', ['-c', endsAtInterrupt, token], options));
    // Not when it says so: a shell between the fork and the start of its child loses a signal.
    await until(() => processesWith(`sleep\0${token}`).length > 0);
    abort.abort();
    const error = await run;
    expect(error).toBeInstanceOf(ProcessAbortedError);
    expect(error).toMatchObject({ endedBy: 'SIGINT', stdout: 'ready\ninterrupted\n', remaining: [] });
    expect(processesWith(token)).toEqual([]);
  });

  it('G23 reaches a stopped command, which is continued for it', async () => {
    // Not SIGINT: a shell without job control has what it starts with & ignore that.
    token = uniqueSleep();
    const abort = new AbortController();
    const run = execute(fixture('stops-itself.sh'), [token], {
      killSignal: 'SIGUSR1',
      killGrace: 30_000,
      signal: abort.signal,
      onStdoutLine: () => abort.abort(),
    });
    expect(await rejection(run)).toMatchObject({ endedBy: 'SIGUSR1', remaining: [] });
    expect(processesWith(token)).toEqual([]);
  });

  it('G23 is followed by SIGKILL after killGrace', async () => {
    token = uniqueSleep();
    const script = `trap '' INT; echo ready; while :; do sleep "$0"; done`;
    const abort = new AbortController();
    const ending = { signal: abort.signal, onStdoutLine: () => abort.abort() };
    const options = { killSignal: 'SIGINT', killGrace: 100, ...ending } as const;
    const error = await rejection(execute('sh', ['-c', script, token], options));
    expect(error).toMatchObject({ endedBy: 'SIGKILL', remaining: [] });
    await until(() => processesWith(token).length === 0);
  });

  it('G23 SIGKILL ends everything at once, whatever killGrace says', async () => {
    token = uniqueSleep();
    const abort = new AbortController();
    let aborted = 0;
    const run = execute(fixture('ignores-term.sh'), [token], {
      killSignal: 'SIGKILL',
      killGrace: 30_000,
      signal: abort.signal,
      onStdoutLine: () => {
        aborted = unloadedNow();
        abort.abort();
      },
    });
    expect(await rejection(run)).toMatchObject({ endedBy: 'SIGKILL', remaining: [] });
    expect(unloadedNow() - aborted).toBeLessThan(200);
    await until(() => processesWith(token).length === 0);
  });

  it('is what the kill of a running command sends by default', async () => {
    token = uniqueSleep();
    const options = { killSignal: 'SIGUSR1', checkExitCode: -10 } as const;
    const run = execute('sleep', [token], { ...options, onExecute: (running) => void running.kill() });
    expect((await run).exitCode).toBe(-10);
  });

  it('G23 is sent by the watching process too when this process is killed', async () => {
    token = uniqueSleep();
    const file = join(directory, 'interrupted');
    const program = `
      import { execute } from '@oslo-concurrency/processutils';
      const script = 'trap "echo > $1; exit" INT; echo ready; while :; do sleep "$0"; done';
      const options = { killOnParentExit: true, killSignal: 'SIGINT', onStdoutLine: console.log };
      await execute('sh', ['-c', script, '${token}', '${file}'], options);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', program], { cwd: fixture('.') });
    await once(parent.stdout, 'data');
    await until(() => processesWith(`sleep\0${token}`).length > 0);
    parent.kill('SIGKILL');
    await until(() => existsSync(file));
  });

  it.each(['SIGSTOP', 'SIGCONT', 'sigint', 'SIGFOO', 'toString', 2, null])(
    'of %j is refused before anything is started',
    async (killSignal) => {
      let started = 0;
      const options = { killSignal: killSignal as never, onExecute: () => (started += 1) };
      for (const run of [execute('true', [], options), trycmd('true', [], options)]) {
        expect(await rejection(run)).toMatchObject({ code: 'ERR_INVALID_OPTION', option: 'killSignal' });
      }
      expect(started).toBe(0);
    },
  );

  it('has the names of signals for a type', () => {
    expectTypeOf(execute).parameter(2).toExtend<{ killSignal?: NodeJS.Signals | undefined } | undefined>();
    // @ts-expect-error a signal has a name
    void (() => execute('true', [], { killSignal: 'INT' }));
  });
});

describe.skipIf(sshd === undefined)('killSignal of sshExecute (needs the Debian package openssh-server)', () => {
  it('G23 asks the remote command to end, and is refused where SSH has no name for it', async () => {
    const server = await startSshServer();
    const client = await connect(server);
    try {
      token = uniqueSleep();
      const command = `trap 'echo interrupted; exit' INT; trap '' TERM; while :; do sleep ${token}; done`;
      const abort = new AbortController();
      const run = rejection(sshExecute(client, command, { killSignal: 'SIGINT', signal: abort.signal }));
      await until(() => processesWith(`sleep\0${token}`).length > 0);
      abort.abort();
      expect(await run).toMatchObject({ endedBy: 'SIGINT', stdout: 'interrupted\n', remaining: [] });
      expect(await rejection(sshExecute(client, 'true', { killSignal: 'SIGXCPU' }))).toMatchObject({
        option: 'killSignal',
      });
    } finally {
      client.end();
      await server.stop();
    }
  });
});
