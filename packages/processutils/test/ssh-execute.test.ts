import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import {
  ProcessAbortedError,
  ProcessExecutionError,
  ProcessTimeoutError,
  type SshClient,
  SshOutcomeUnknownError,
  sshExecute,
} from '@oslo-concurrency/processutils';
import { Client, Server } from 'ssh2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { killAll, parentOf, processesWith, uniqueSleep, unloadedNow, until } from './support/processes.js';
import { rejection } from './support/rejection.js';
import { connect, newKey, type SshServer, sshd, startSshServer } from './support/ssh-server.js';

if (sshd === undefined && process.env.CI) throw new Error('sshd is missing: install the Debian package openssh-server');

describe.skipIf(sshd === undefined)('sshExecute (needs the Debian package openssh-server)', () => {
  let server: SshServer;
  let client: Client;

  beforeAll(async () => {
    server = await startSshServer();
    client = await connect(server);
  });
  afterAll(async () => {
    client.end();
    await server.stop();
  });

  it("takes an ssh2 client, and gives what the server's shell wrote", async () => {
    const typed: SshClient = client;
    const result = await sshExecute(typed, 'echo out; echo err >&2; echo $((6 * 7))');
    expect(result).toMatchObject({ stdout: 'out\n42\n', stderr: 'err\n', exitCode: 0 });
  });

  it('reads both streams together, however much each brings', async () => {
    const flood = 'head -c 8000000 /dev/zero >&2; head -c 8000000 /dev/zero; head -c 8000000 /dev/zero >&2';
    const { stdout, stderr } = await sshExecute(client, flood, { binary: true });
    expect([stdout.length, stderr.length]).toEqual([8_000_000, 16_000_000]);
  });

  it('gives bytes with binary, and carries bytes that are no UTF-8 through text', async () => {
    const { stdout } = await sshExecute(client, "printf '\\377\\000a'", { binary: true });
    expect(stdout).toEqual(Buffer.from([255, 0, 97]));
    expect((await sshExecute(client, "printf '\\377a'")).stdout).toBe('\udcffa');
  });

  it.each([
    [undefined, 1, false],
    [true, 0, true],
    [false, 7, true],
    [7, 7, true],
    [[0, 3], 3, true],
    [[0, 3], 4, false],
  ])('checkExitCode %j with exit code %i succeeds: %s', async (checkExitCode, code, succeeds) => {
    const run = sshExecute(client, `exit ${code}`, checkExitCode === undefined ? {} : { checkExitCode });
    if (succeeds) expect((await run).exitCode).toBe(code);
    else expect(await rejection(run)).toMatchObject({ code: 'ERR_PROCESS_EXECUTION', exitCode: code });
  });

  it.each(['BUS', 'TRAP', 'XCPU', 'XFSZ', 'VTALRM', 'PROF', 'IO', 'PWR', 'SYS', '16', '34', '40', '64'])(
    'G29 rejects when signal %s ended the command, which has no name over SSH, whatever exit codes are a success',
    async (name) => {
      for (const checkExitCode of [0, false, [0, 1]] as const) {
        const error = await rejection(sshExecute(client, `echo out; kill -${name} $$`, { checkExitCode }));
        expect(error).toBeInstanceOf(ProcessExecutionError);
        expect(error).toMatchObject({ exitCode: undefined, signal: 'unknown', stdout: 'out\n' });
        expect((error as Error).message).toMatch(
          /^The command was ended by a signal, and the server did not say which\./,
        );
      }
    },
  );

  it('G29 gives -n for a signal that has a name over SSH, which checkExitCode may accept', async () => {
    const names = ['ABRT', 'ALRM', 'FPE', 'HUP', 'ILL', 'INT', 'KILL', 'PIPE', 'QUIT', 'SEGV', 'TERM', 'USR1', 'USR2'];
    for (const name of names) {
      const signal = `SIG${name}` as NodeJS.Signals;
      // The shell that sshd starts asks for a core nowhere.
      const command = `ulimit -c 0; kill -${name} $$`;
      const error = await rejection(sshExecute(client, command));
      expect(error).toMatchObject({ exitCode: -constants.signals[signal], signal });
      const accepted = await sshExecute(client, command, { checkExitCode: -constants.signals[signal] });
      expect(accepted.exitCode).toBe(-constants.signals[signal]);
    }
  });

  it('counts an end by a signal as exit code -n', async () => {
    const error = await rejection(sshExecute(client, 'kill -9 $$'));
    expect(error).toBeInstanceOf(ProcessExecutionError);
    expect(error).toMatchObject({ exitCode: -9, signal: 'SIGKILL' });
  });

  it('G24 masks the command in errors, and the output in errors always', async () => {
    const run = sshExecute(client, 'echo password=hunter2 mine=s3cr3t; exit 1', {
      secrets: ['s3cr3t'],
      sanitizeStdout: false,
    });
    const error = (await rejection(run)) as ProcessExecutionError;
    const everything = `${error.message}${error.stack}${JSON.stringify(error)}`;
    expect(everything).not.toMatch(/hunter2|s3cr3t/);
    expect(error.stdout).toBe('password=*** mine=***\n');
  });

  it('masks stdout of a command that succeeded, as oslo does, unless sanitizeStdout is false', async () => {
    const command = 'echo password=hunter2';
    expect((await sshExecute(client, command)).stdout).toBe('password=***\n');
    expect((await sshExecute(client, command, { binary: true })).stdout).toEqual(Buffer.from('password=***\n'));
    expect((await sshExecute(client, command, { sanitizeStdout: false })).stdout).toBe('password=hunter2\n');
  });

  it('refuses processInput and addlEnv as oslo does, and unknown options', async () => {
    for (const wrong of [{ processInput: 'x' }, { addlEnv: { A: '1' } }, { cwd: '/' }]) {
      expect(await rejection(sshExecute(client, 'true', wrong as never))).toBeInstanceOf(TypeError);
    }
    expect(await rejection(sshExecute({} as never, 'true'))).toMatchObject({ option: 'client' });
  });

  it('G23 signals the remote command at the timeout and closes the channel', async () => {
    const token = uniqueSleep();
    const error = await rejection(sshExecute(client, `echo begun; exec sleep ${token}`, { timeout: 1000 }));
    expect(error).toBeInstanceOf(ProcessTimeoutError);
    expect(error).toMatchObject({ stdout: 'begun\n', endedBy: 'SIGTERM', remaining: [] });
    await until(() => processesWith(token).length === 0);
    expect((await sshExecute(client, 'echo still usable')).stdout).toBe('still usable\n');
  });

  it('G23 kills a remote command that ignores SIGTERM, by timeout + grace + 200 ms', async () => {
    const token = uniqueSleep();
    const abort = new AbortController();
    const run = rejection(
      sshExecute(client, `trap '' TERM; while :; do sleep ${token}; done`, { signal: abort.signal, killGrace: 200 }),
    );
    await until(() => processesWith(`sleep\0${token}`).length > 0);
    const start = unloadedNow();
    abort.abort();
    const error = await run;
    expect(unloadedNow() - start).toBeLessThan(400);
    expect(error).toBeInstanceOf(ProcessAbortedError);
    expect(error).toMatchObject({ endedBy: 'SIGKILL', remaining: [] });
    await until(() => processesWith(token).length === 0);
    killAll(token);
  });

  it('G23 leaves a remote command the whole of killGrace before SIGKILL', async () => {
    const token = uniqueSleep();
    const abort = new AbortController();
    const command = `trap '' TERM; while :; do sleep ${token}; done`;
    const run = rejection(sshExecute(client, command, { signal: abort.signal, killGrace: 600 }));
    await until(() => processesWith(`sleep\0${token}`).length > 0);
    const start = performance.now();
    abort.abort();
    expect(await run).toMatchObject({ endedBy: 'SIGKILL' });
    expect(performance.now() - start).toBeGreaterThanOrEqual(599);
    await until(() => processesWith(token).length === 0);
    killAll(token);
  });

  it('G23 ends a remote command that began before the server said so', async () => {
    const token = uniqueSleep();
    const abort = new AbortController();
    const asking: SshClient = {
      exec(command, answer) {
        const more = client.exec(command, answer);
        abort.abort();
        return more;
      },
    };
    const command = `trap '' TERM HUP; while :; do sleep ${token}; done`;
    const error = await rejection(sshExecute(asking, command, { signal: abort.signal, killGrace: 1000 }));
    expect(error).toBeInstanceOf(ProcessAbortedError);
    // Its shell may or may not have come to the trap.
    expect(error).toMatchObject({ endedBy: expect.stringMatching(/^SIG(TERM|KILL)$/), remaining: [] });
    await until(() => processesWith(token).length === 0);
  });

  it('G23 says what may run when the server does not answer in time, and kills it when it does', async () => {
    const [before, token] = [uniqueSleep(), uniqueSleep()];
    const slow = await connect(server);
    const earlier = rejection(sshExecute(slow, `exec sleep ${before}`));
    await until(() => processesWith(before).length > 0);
    const servers = sessionServersOf(before);
    for (const pid of servers) process.kill(pid, 'SIGSTOP');
    const command = `trap '' TERM HUP; while :; do sleep ${token}; done`;
    let ends = 0;
    const watched: SshClient = {
      exec: (text, answer) =>
        slow.exec(text, (error, channel) => {
          channel.once('exit', () => {
            ends += 1;
          });
          answer(error, channel);
        }),
    };
    const error = await rejection(sshExecute(watched, command, { timeout: 100, killGrace: 100 }));
    expect(error).toBeInstanceOf(ProcessTimeoutError);
    expect(error).toMatchObject({ endedBy: undefined, remaining: [{ name: 'remote command' }] });
    for (const pid of servers) process.kill(pid, 'SIGCONT');
    await until(() => ends === 1);
    await until(() => processesWith(token).length === 0);
    killAll(before);
    await earlier;
    slow.end();
  });

  it('says that the outcome is unknown when the connection is lost', async () => {
    const token = uniqueSleep();
    const doomed = await connect(server);
    doomed.on('error', () => {});
    const run = rejection(sshExecute(doomed, `exec sleep ${token}`));
    await until(() => processesWith(token).length > 0);
    // Not `once`, which an error of the connection would reject.
    const closed = new Promise<void>((resolve) => doomed.once('close', () => resolve()));
    for (const pid of sessionServersOf(token)) process.kill(pid, 'SIGKILL');
    await closed;
    const error = await run;
    expect(error).toBeInstanceOf(SshOutcomeUnknownError);
    expect(error).toMatchObject({ code: 'ERR_SSH_OUTCOME_UNKNOWN' });
    killAll(token);
  });

  it('G29 tells a command that the server refused from one that was lost before the server answered', async () => {
    const hostKey = readFileSync(newKey(mkdtempSync(join(tmpdir(), 'ssh-')), 'host'));
    const answers = { refuse: 'refused', vanish: 'lost' } as const;
    for (const [command, outcome] of Object.entries(answers)) {
      const other = new Server({ hostKeys: [hostKey] }, (connection) => {
        connection.on('error', () => {});
        connection.on('authentication', (context) => context.accept());
        connection.on('session', (accept) => {
          accept().on('exec', (_accept, reject) => {
            if (command === 'refuse') reject();
            else connection.end();
          });
        });
      }).listen(0, '127.0.0.1');
      await once(other, 'listening');
      const guest = new Client();
      guest.on('error', () => {});
      guest.connect({ host: '127.0.0.1', port: (other.address() as { port: number }).port, username: 'guest' });
      await once(guest, 'ready');
      const error = await rejection(sshExecute(guest, command));
      if (outcome === 'refused') {
        expect(error).toBeInstanceOf(ProcessExecutionError);
        expect((error as Error).message).toMatch(/^The command could not be started over SSH: Unable to exec/);
      } else expect(error).toBeInstanceOf(SshOutcomeUnknownError);
      guest.end();
      other.close();
    }
  });

  it('G24 gives a masked copy of the error of ssh2 as cause, without what else that error carries', async () => {
    const given = Object.assign(new Error('no channel for --password hunter2 s3cr3t'), { command: 'hunter2 s3cr3t' });
    const failing: SshClient = { exec: (_command, answer) => answer(given, undefined as never) };
    const error = (await rejection(sshExecute(failing, 'true', { secrets: ['s3cr3t'] }))) as ProcessExecutionError;
    expect(error.cause).not.toBe(given);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/hunter2|s3cr3t/);
    expect((error.cause as Error).message).toBe('no channel for --password *** ***');
  });

  it('says that a command could not be started on a client that is not connected', async () => {
    const ended = await connect(server);
    ended.end();
    await once(ended, 'close');
    const error = await rejection(sshExecute(ended, 'echo password=hunter2'));
    expect(error).toBeInstanceOf(ProcessExecutionError);
    expect((error as Error).message).toMatch(/^The command could not be started over SSH: Not connected/);
    expect((error as Error).message).toContain('password=***');
  });
});

/** The server's processes for the connection in which a command runs. */
function sessionServersOf(token: string): number[] {
  // 0 would be this process's own group, 1 the machine's first process: neither serves a session.
  return processesWith(token)
    .map((pid) => parentOf(pid))
    .filter((pid) => pid > 1 && readFileSync(`/proc/${pid}/comm`, 'latin1').startsWith('sshd'));
}
