import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { execute } from '@oslo-concurrency/processutils';
import { describe, expect, it } from 'vitest';
import { asPlainUser, plainUserIsPossible } from '../support/plain-user.js';
import { endLeftovers, processesWith, uniqueSleep, until } from '../support/processes.js';

interface Seen {
  readonly name?: string;
  readonly message?: string;
  readonly stdout?: string;
  readonly remaining?: readonly { readonly pid: number; readonly reason: string }[];
  readonly endedBy?: string;
  readonly option?: string;
  readonly took: number;
}

/** What `execute` gives a plain user, call by call. */
function seenByPlainUser(...calls: readonly (readonly unknown[])[]): Seen[] {
  const [file = '', ...args] = asPlainUser('executes.mjs', ...calls.map((call) => JSON.stringify(call)));
  const { stdout, stderr } = spawnSync(file, args, { encoding: 'utf8' });
  if (stderr !== '') throw new Error(stderr);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Seen);
}

let token = '';
endLeftovers();

describe.skipIf(process.getuid?.() !== 0)('runAsRoot as root', () => {
  it('needs no helper and uses none', async () => {
    expect((await execute('id', ['-u'], { runAsRoot: true })).stdout).toBe('0\n');
    expect((await execute('id', ['-u'], { runAsRoot: true, rootHelper: 'no-such-helper' })).stdout).toBe('0\n');
  });

  it('refuses a helper with an open quote all the same', async () => {
    await expect(execute('id', [], { rootHelper: "sudo '" })).rejects.toMatchObject({ option: 'rootHelper' });
  });
});

describe.skipIf(!plainUserIsPossible)('runAsRoot as a plain user (needs root, and the Debian package sudo)', () => {
  it('is root by sudo; without runAsRoot the helper is left out', () => {
    const [root, plain, words] = seenByPlainUser(
      ['id', ['-u'], { runAsRoot: true, rootHelper: 'sudo -n' }],
      ['id', ['-u'], { rootHelper: 'sudo -n' }],
      ['sh', ['-c', 'echo "$A"'], { runAsRoot: true, rootHelper: `env 'A=two words'` }],
    );
    expect([root?.stdout, plain?.stdout, words?.stdout]).toEqual(['0\n', '47110\n', 'two words\n']);
  });

  it('puts the helper in front of the text of a shell', () => {
    const [seen] = seenByPlainUser(['id -u; id -u', [], { runAsRoot: true, rootHelper: 'sudo -n', shell: true }]);
    expect(seen?.stdout).toBe('0\n47110\n');
  });

  it('is refused without a helper', () => {
    const [seen] = seenByPlainUser(['id', ['-u'], { runAsRoot: true }]);
    expect(seen?.name).toBe('NoRootWrapSpecifiedError');
    expect(seen?.message).toMatch(/^Command requested root, but did not specify a root helper\./);
  });

  it('says that a helper is missing', () => {
    const [seen] = seenByPlainUser(['id', ['-u'], { runAsRoot: true, rootHelper: 'no-such-helper' }]);
    expect(seen?.message).toMatch(/^The program no-such-helper was not found in PATH[.,]/);
  });

  it('shows the helper in the masked command', () => {
    const [seen] = seenByPlainUser([
      'sh',
      ['-c', 'exit 3', '--password', 'x'],
      { runAsRoot: true, rootHelper: 'sudo -n' },
    ]);
    expect(seen?.message).toContain('Command: sudo -n sh -c exit 3 --password ***\n');
  });

  it('G23 ends what sudo started through sudo, SIGTERM or not', async () => {
    for (const [script, endedBy] of [
      ['echo ready; exec sleep', 'SIGTERM'],
      [`trap '' TERM; echo ready; while :; do sleep`, 'SIGKILL'],
    ] as const) {
      token = uniqueSleep();
      const command = endedBy === 'SIGTERM' ? `${script} ${token}` : `${script} ${token}; done`;
      const options = { runAsRoot: true, rootHelper: 'sudo -n', abortAt: 'ready', killGrace: 300 };
      const [seen] = seenByPlainUser(['sh', ['-c', command], options]);
      // Whether sudo was quick enough to be waited for or not: it was asked, and it does it.
      expect(seen).toMatchObject({ name: 'ProcessAbortedError', endedBy });
      expect(seen?.took).toBeLessThan(300 + 200);
      await until(() => processesWith(token).length === 0);
    }
  });

  it('G23 names what it may not end, and settles all the same', () => {
    token = uniqueSleep();
    // sudo is the command here, not the root helper, which could be asked to kill.
    const script = `trap '' TERM; echo ready; while :; do sleep ${token}; done`;
    const [seen] = seenByPlainUser(['sudo', ['-n', 'sh', '-c', script], { abortAt: 'ready', killGrace: 200 }]);
    expect(seen?.remaining?.length).toBeGreaterThan(0);
    for (const { reason } of seen?.remaining ?? []) expect(reason).toBe('not permitted');
    expect(seen?.message).toMatch(/Still running: .*\d+ \(sh: not permitted\)/);
    expect(seen?.took).toBeLessThan(200 + 200);
  });

  it('G23 waits for no grace after a killSignal of SIGKILL, though there is something that it may not end', () => {
    token = uniqueSleep();
    const options = { abortAt: 'ready', killSignal: 'SIGKILL', killGrace: 20_000 };
    const script = `echo ready; while :; do sleep ${token}; done`;
    const [seen] = seenByPlainUser(['sudo', ['-n', 'sh', '-c', script], options]);
    expect(seen?.remaining?.length).toBeGreaterThan(0);
    expect(seen?.took).toBeLessThan(200);
  });
});

describe.skipIf(process.getuid?.() !== 0)('uid and gid', () => {
  it('are those of the command, with no groups of root', async () => {
    const { stdout } = await execute('id', [], { uid: 47110, gid: 47111, env: { PATH: '/usr/bin:/bin' } });
    expect(stdout).toBe('uid=47110 gid=47111 groups=47111\n');
  });
});

describe('wrapper', () => {
  it('goes in front of the command, in place of a preexec_fn', async () => {
    const nice = await execute('nice', [], { wrapper: ['nice', '-n', '7'] });
    expect(nice.stdout).toBe('7\n');
    expect(nice.command).toBe('nice -n 7 nice');
    const shell = await execute('nice; nice', [], { wrapper: ['nice', '-n', '7'], shell: true });
    expect(shell.stdout).toBe('7\n7\n');
  });

  it('that is missing is named', async () => {
    const run = execute('true', [], { wrapper: ['no-such-wrapper'], prlimit: { cpuTime: 5 } });
    await expect(run).rejects.toMatchObject({ description: 'The program no-such-wrapper was not found in PATH.' });
  });
});

describe('shell', () => {
  it("runs the text, with the arguments as $0, $1 and so on, as oslo's Popen does", async () => {
    const { stdout } = await execute('echo "$0|$1|$(echo x | tr x y)"', ['a b', 'c'], { shell: true });
    expect(stdout).toBe('a b|c|y\n');
  });

  it.skipIf(!existsSync('/bin/bash'))('may be another one', async () => {
    expect((await execute('echo $BASH_VERSION', [], { shell: '/bin/bash' })).stdout).toMatch(/^\d/);
  });

  it('counts its exit code, and does not keep a program from being named that is missing', async () => {
    const run = execute('no-such-program', [], { shell: true });
    await expect(run).rejects.toMatchObject({ exitCode: 127, stderr: expect.stringContaining('not found') });
  });
});
