import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type ExecuteOptions, execute, ProcessAbortedError, ProcessTimeoutError } from '@oslo-concurrency/processutils';
import { describe, expect, it } from 'vitest';
import { hasPython } from '../../../../installed.js';
import { createMark } from '../../src/terminate/command-mark.js';
import { asPlainUser, plainUserIsPossible } from '../support/plain-user.js';
import {
  endLeftovers,
  fixture,
  isAlive,
  isKilled,
  parentOf,
  processesWith,
  readCalls,
  uniqueSleep,
  unloadedNow,
  until,
} from '../support/processes.js';

const grace = 250;
// G23's word.
const settling = 200;

let token = '';
endLeftovers();

/** Runs a fixture, aborts it when it says that it is ready, and gives the error and how long ending it took. */
async function endWhenReady(
  name: string,
  args: readonly string[] = [],
  options: ExecuteOptions = {},
  countAlive: () => number = () => processesWith(token).length,
) {
  token = uniqueSleep();
  const abort = new AbortController();
  let aborted = 0;
  let aliveBefore = 0;
  const error = await execute(fixture(name), [token, ...args], {
    signal: abort.signal,
    killGrace: grace,
    onStdoutLine: (line) => {
      if (line !== 'ready' || aborted > 0) return;
      aliveBefore = countAlive();
      aborted = unloadedNow();
      abort.abort(new Error('enough'));
    },
    ...options,
  }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ProcessAbortedError);
  const took = unloadedNow() - aborted;
  return { error: error as ProcessAbortedError, took, aliveBefore };
}

/** Killed processes are cleared away when the machine gets to it; one that was not killed would stay for an hour. */
async function nothingIsLeft(): Promise<void> {
  await until(() => processesWith(token).length === 0);
}

describe('ending a command', () => {
  it.each([
    ['ignores SIGTERM', 'ignores-term.sh', 'SIGKILL'],
    ['starts its child again whenever it ends', 'respawns.sh', 'SIGKILL'],
    ['left a child in a session of its own', 'double-forks.sh', 'SIGTERM'],
    ['left a child in a session of its own, without environment and pipe', 'clears-environment.sh', 'SIGTERM'],
    ['has closed its stdio', 'closes-stdio.sh', 'SIGTERM'],
    ['is stopped', 'stops-itself.sh', 'SIGTERM'],
  ] as const)('G23 leaves no descendant of a program that %s', async (_what, name, endedBy) => {
    const { error, took, aliveBefore } = await endWhenReady(name);
    expect(aliveBefore).toBeGreaterThan(0);
    expect(error.remaining).toEqual([]);
    await nothingIsLeft();
    expect(error.endedBy).toBe(endedBy);
    expect(took).toBeLessThan(grace + settling);
  });

  it.runIf(hasPython)('G23 leaves nothing of a program that forks as fast as it can, in many processes', async () => {
    // Its processes live for less than it takes to read the list of them, so a look at /proc may see none of them. The kernel
    // knows: they hold the lock of a file until the last of them has ended.
    const directory = mkdtempSync(join(tmpdir(), 'fork-bomb-'));
    const file = join(directory, 'held');
    const holders = (): number => Number(spawnSync('flock', ['-n', file, 'true']).status === 1);
    const { error, aliveBefore } = await endWhenReady('fork-bomb.py', ['6', file], {}, holders);
    expect(aliveBefore).toBeGreaterThan(0);
    // Such a program disturbs every look on a busy machine; then the error says that it does not know, and names nobody.
    expect(error.remaining.filter(({ name }) => name !== 'unknown')).toEqual([]);
    await until(() => holders() === 0);
    rmSync(directory, { recursive: true });
  });

  it.runIf(hasPython)(
    'G29 says that nothing is left of a program that goes on in new sessions only when nothing is',
    async () => {
      for (let run = 0; run < 8; run += 1) {
        const { error } = await endWhenReady('hops.py', ['20', '50']);
        const unknown = error.remaining.some(({ name }) => name === 'unknown');
        for (let look = 0; look < 5 && !unknown; look += 1) {
          expect(processesWith(`hops.py\0${token}`).filter((pid) => isAlive(pid) && !isKilled(pid))).toEqual([]);
          await turn();
        }
        await nothingIsLeft();
      }
    },
  );

  it('G23 settles by timeout + grace + 200 ms and carries the partial output', async () => {
    token = uniqueSleep();
    let start = 0;
    const error = await execute(fixture('ignores-term.sh'), [token], {
      timeout: 300,
      killGrace: grace,
      onExecute: () => {
        start = unloadedNow();
      },
    }).catch((reason: unknown) => reason);
    expect(unloadedNow() - start).toBeLessThan(300 + grace + settling);
    expect(error).toBeInstanceOf(ProcessTimeoutError);
    expect(error).toMatchObject({ timeout: 300, stdout: 'ready\n', endedBy: 'SIGKILL', remaining: [] });
    expect((error as Error).message).toMatch(/^The command did not end within 300 ms and was ended by SIGKILL\./);
    await nothingIsLeft();
  });

  it('G23 leaves a command the whole of killGrace before SIGKILL', async () => {
    token = uniqueSleep();
    let aborted = 0;
    const abort = new AbortController();
    const run = execute(fixture('ignores-term.sh'), [token], {
      signal: abort.signal,
      killGrace: 600,
      onStdoutLine: () => {
        aborted = performance.now();
        abort.abort();
      },
    });
    await expect(run).rejects.toMatchObject({ endedBy: 'SIGKILL' });
    expect(performance.now() - aborted).toBeGreaterThanOrEqual(600);
  });

  it('G23 does not touch processes of other commands, nor of this one, that started later', async () => {
    const other = uniqueSleep();
    const sibling = new AbortController();
    let bystander: ChildProcess | undefined;
    let running: Promise<unknown> | undefined;
    const abort = new AbortController();
    token = uniqueSleep();
    const ended = execute(fixture('double-forks.sh'), [token], {
      signal: abort.signal,
      onStdoutLine: () => {
        bystander = spawn('sleep', [other]);
        running = execute('sleep', [`${other}9`], { signal: sibling.signal }).catch((error: unknown) => error);
      },
    }).catch((error: unknown) => error);
    await until(() => processesWith(other).length === 2);
    abort.abort();
    expect(await ended).toBeInstanceOf(ProcessAbortedError);
    await nothingIsLeft();
    expect(processesWith(other)).toHaveLength(2);
    sibling.abort();
    expect(await running).toBeInstanceOf(ProcessAbortedError);
    expect(processesWith(other)).toEqual([bystander?.pid]);
    bystander?.kill();
  });

  it('gives the reason of the abort as cause', async () => {
    const { error } = await endWhenReady('closes-stdio.sh');
    expect(error.cause).toEqual(new Error('enough'));
    expect(error.code).toBe('ERR_PROCESS_ABORTED');
  });

  it('starts nothing when the signal is aborted before', async () => {
    const error = await execute('true', [], { signal: AbortSignal.abort() }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ProcessAbortedError);
    expect(error).toMatchObject({ pid: undefined, endedBy: undefined });
  });

  it('leaves no listener on the signal', async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners += 1;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners -= 1;
      remove(...args);
    };
    await execute('true', [], { signal });
    expect(listeners).toBeLessThanOrEqual(0);
  });

  it('does not end the daemon of a command that ended by itself', async () => {
    token = uniqueSleep();
    const { stdout } = await execute(fixture('holds-pipe.sh'), [token], { timeout: 60_000, drainTimeout: 0 });
    expect(stdout).toBe('written before the end\n');
    expect(processesWith(token)).toHaveLength(1);
  });

  it('gives a command the signal handling and mask of a plain shell', async () => {
    const { stdout } = await execute('grep', ['-E', '^Sig(Ign|Blk)', '/proc/self/status'], { timeout: 10_000 });
    expect(stdout).toBe('SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n');
  });
});

it('G29 a timeout reports that it does not know what left the group of a command where the permissions of this process hide /proc', () => {
  token = uniqueSleep();
  const home = fileURLToPath(new URL('../../../..', import.meta.url));
  const program = `import { execute } from '@oslo-concurrency/processutils';
    const left = 'setsid sleep ${token} > /dev/null 2>&1 & echo ready; sleep ${token}';
    const options = { timeout: 1000, killGrace: 300 };
    const { remaining } = await execute('/bin/sh', ['-c', left], options).catch((error) => error);
    console.log(JSON.stringify(remaining));`;
  const permission = process.allowedNodeEnvironmentFlags.has('--permission')
    ? '--permission'
    : '--experimental-permission';
  const allowed = [home, '/bin', '/usr'].map((path) => `--allow-fs-read=${path}`);
  const flags = [permission, '--allow-child-process', '--no-warnings', ...allowed, '--input-type=module', '-'];
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  const { stdout, stderr } = spawnSync(process.execPath, flags, { cwd, input: program, encoding: 'utf8' });
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual([{ pid: 0, name: 'unknown', reason: expect.stringMatching(/cannot be listed/) }]);
  expect(processesWith(`sleep\0${token}`)).toHaveLength(1);
});

describe('killOnParentExit', () => {
  async function startParent(commands: number): Promise<ChildProcess> {
    token = uniqueSleep();
    const parent = spawn(process.execPath, [fixture('kills-on-exit.mjs'), token, String(commands)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(parent.stdout, 'data');
    await until(() => processesWith(token).length > commands);
    return parent;
  }

  const commandsOf = (): number[] => processesWith(token).filter((pid) => pid !== parentPid);
  let parentPid = 0;

  it.each(['SIGKILL', 'SIGTERM'] as const)(
    'G23 ends the trees within a second of the end of this process by %s',
    async (signal) => {
      const parent = await startParent(3);
      parentPid = parent.pid ?? 0;
      parent.kill(signal);
      await once(parent, 'exit');
      expect(await until(() => commandsOf().length === 0)).toBeLessThan(1000);
    },
  );

  it('G23 ends them too when this process ends by itself', async () => {
    const parent = await startParent(1);
    parentPid = parent.pid ?? 0;
    parent.stdin?.end();
    await once(parent, 'exit');
    expect(await until(() => commandsOf().length === 0)).toBeLessThan(1000);
  });

  it('G23 holds though the watching process was killed first, and one watches for all commands', async () => {
    const parent = await startParent(3);
    parentPid = parent.pid ?? 0;
    const [watcher, ...more] = watchersOf(parentPid);
    if (watcher === undefined) throw new Error('no process watches');
    expect(more).toEqual([]);
    process.kill(watcher, 'SIGKILL');
    // One look decides: the killed one may be gone at a second, and the new one not there yet.
    await until(() => watchersOf(parentPid).some((pid) => pid !== watcher));
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    expect(await until(() => commandsOf().length === 0)).toBeLessThan(1000);
  });

  it('G23 holds though this process is killed in the moment after the command was started', async () => {
    for (let run = 0; run < 3; run += 1) {
      token = uniqueSleep();
      spawnSync(process.execPath, [fixture('dies-at-start.mjs'), token]);
      await nothingIsLeft();
    }
  });

  it('G23 holds though this process is killed before the command it has forked executes its program', async () => {
    // The child searches 60,000 directories for `sleep`, each a symbolic link that takes the kernel a tenth of a ms to follow. That
    // takes seconds, until the link is gone.
    const home = mkdtempSync(join(tmpdir(), 'slow-'));
    mkdirSync(join(home, 'd'));
    symlinkSync(`${'d/../'.repeat(800)}d`, join(home, 'l'));
    token = uniqueSleep();
    // With its limits there is no need, and no room, for prlimit to stand in front of the command, which is started quickly.
    const limits = ['--nofile=1024:1024', `--rttime=${10 ** 17}`];
    const program = [process.execPath, fixture('starts-slowly.mjs'), home, '60000', token];
    const parent = spawn('prlimit', [...limits, '--', ...program], { stdio: 'inherit' });
    const forked = (): number[] =>
      processesWith('starts-slowly.mjs').filter((pid) => parentOf(pid) === parent.pid && pid !== parent.pid);
    // The watcher was forked first; it is no copy of the parent any more when it has the words of its program.
    await until(() => watchersOf(parent.pid ?? 0).length === 1 && forked().length === 1);
    const [child = 0] = forked();
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    // Or it would not be the case that this is about.
    expect(processesWith(`sleep\0${token}`)).toEqual([]);
    expect(isAlive(child)).toBe(true);
    rmSync(home, { recursive: true });
    await until(() => !isAlive(child));
  });

  it('G23 the watching process looks again for a command whose process it was not told of and does not find', async () => {
    token = uniqueSleep();
    const { id, environment } = createMark();
    const { PATH = '' } = process.env;
    const watcher = spawn(
      process.execPath,
      [fileURLToPath(new URL('../../build/run/watcher-program.js', import.meta.url))],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
        env: { PATH, WATCHED_TREES: JSON.stringify([{ ownGroup: true, mark: id }]) },
      },
    );
    await once(watcher.stdout, 'data');
    const before = readCalls(watcher.pid ?? 0);
    watcher.stdin.end();
    // A look reads a file of each process at least.
    const processes = readdirSync('/proc').filter((name) => Number(name) > 0).length;
    await until(() => readCalls(watcher.pid ?? 0) > before + 8 * processes || watcher.exitCode !== null);
    const late = spawn('sleep', [token], { env: environment({ PATH }) });
    await once(late, 'exit');
    expect(late.signalCode).toBe('SIGTERM');
    watcher.kill();
  });

  it('starts nothing where no process can watch, and says so', () => {
    const home = fileURLToPath(new URL('../..', import.meta.url));
    const bundle = mkdtempSync(join(home, 'build', 'bundle-'));
    try {
      cpSync(join(home, 'dist', 'index.js'), join(bundle, 'index.mjs'));
      // The process that would watch ends at once.
      const program = `import { execute } from './index.mjs';
        process.execPath = '/bin/false';
        const error = await execute('touch', ['${bundle}/ran'], { killOnParentExit: true }).catch((e) => e);
        console.log(error.code, error.description);`;
      const options = { cwd: bundle, input: program, encoding: 'utf8' } as const;
      const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-'], options);
      expect(stdout).toMatch(/^ERR_PROCESS_EXECUTION The process that ends the command when this one is killed/);
      expect(existsSync(join(bundle, 'ran'))).toBe(false);
    } finally {
      rmSync(bundle, { recursive: true });
    }
  });

  it.each(['timeout', 'abort'] as const)(
    'G23 a call that ends by %s while the watching process comes up starts nothing',
    (why) => {
      const home = mkdtempSync(join(tmpdir(), 'slow-watcher-'));
      token = uniqueSleep();
      writeFileSync(join(home, 'node'), `#!/bin/sh\nexec sleep ${token}\n`, { mode: 0o755 });
      const program = `import { execute } from '@oslo-concurrency/processutils';
      process.execPath = '${home}/node';
      const stop = ${why === 'timeout' ? '{ timeout: 100 }' : '{ signal: AbortSignal.timeout(100) }'};
      const error = await execute('touch', ['${home}/ran'], { killOnParentExit: true, ...stop }).catch((e) => e);
      console.log(error.code, error.pid, error.remaining.length, error.durationMs < 5000);
      process.exit();`;
      const cwd = fileURLToPath(new URL('../..', import.meta.url));
      const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-'], {
        cwd,
        input: program,
        encoding: 'utf8',
      });
      expect(stdout).toBe(`ERR_PROCESS_${why === 'timeout' ? 'TIMEOUT' : 'ABORTED'} undefined 0 true\n`);
      expect(existsSync(join(home, 'ran'))).toBe(false);
    },
  );

  it.skipIf(!plainUserIsPossible)(
    'G23 ends what a root helper runs (needs root, and the Debian package sudo)',
    async () => {
      token = uniqueSleep();
      const [file = '', ...args] = asPlainUser('kills-on-exit.mjs', token, '1', 'sudo -n');
      const parent = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
      await until(() => processesWith(`sleep\0${token}`).length > 1);
      parent.kill('SIGKILL');
      await once(parent, 'exit');
      await nothingIsLeft();
    },
  );

  function watchersOf(pid: number): number[] {
    // 0 is what parentOf says of who has just ended.
    return processesWith('env.WATCHER').filter((watcher) => pid > 1 && parentOf(watcher) === pid);
  }
});
