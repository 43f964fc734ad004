import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import { liveness } from '../../build/owner/liveness.js';
import { readProcStat } from '../../build/owner/proc-stat.js';
import { ownIdentity, type ProcessIdentity } from '../../build/owner/process-identity.js';

const fixture = (name: string): string => fileURLToPath(new URL(`../fixtures/${name}.mjs`, import.meta.url));
const started: ChildProcess[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

async function start(command: string, args: readonly string[]): Promise<{ child: ChildProcess; line: string }> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  started.push(child);
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, line: chunk.toString().trim() };
}

async function startIdentified(): Promise<{ child: ChildProcess; identity: ProcessIdentity }> {
  const { child, line } = await start(process.execPath, [fixture('stay-and-identify')]);
  return { child, identity: JSON.parse(line) };
}

// What a system refuses (no root, no namespaces) is skipped; a program that is missing is an error on CI.
function permits(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch (error) {
    if (process.env.CI && (error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new Error(`CI must have ${command} (the Debian package util-linux)`, { cause: error });
    }
    return false;
  }
}

const onLinux = process.platform === 'linux';

describe('a process is dead only when that is certain', () => {
  test('this one is alive, and so is a child; a stopped child stays alive', async () => {
    expect(liveness(ownIdentity())).toBe(onLinux ? 'alive' : 'unknown');
    const { child, identity } = await startIdentified();
    child.kill('SIGSTOP');
    expect(liveness(identity)).toBe(onLinux ? 'alive' : 'unknown');
  });

  test.runIf(onLinux).each([')', 'a) T 1 (b', ') Z 0 0'])('one whose program is named %j is alive', async (name) => {
    // Only a process itself may rename itself.
    const rename = `import { writeFileSync } from 'node:fs'; writeFileSync('/proc/self/comm', ${JSON.stringify(name)});`;
    const url = `data:text/javascript,${encodeURIComponent(rename)}`;
    const { child, line } = await start(process.execPath, ['--import', url, fixture('stay-and-identify')]);
    const path = `/proc/${child.pid}/stat`;
    const text = readFileSync(path, 'utf8');
    expect(text).toContain(`(${name}) `);
    const fields = text.replace(`(${name}) `, '').split(' ');
    const identity = JSON.parse(line) as ProcessIdentity;
    expect(identity.startTime).toBe(Number(fields[20]));
    expect(liveness(identity)).toBe('alive');
    expect(readProcStat(path)).toMatchObject({
      startTime: Number(fields[20]),
      state: expect.stringMatching(/^[RSD]$/),
    });
  });

  test('a killed child is dead once it is gone', async () => {
    const { child, identity } = await startIdentified();
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(liveness(identity)).toBe('dead');
  });

  test.runIf(onLinux)('another process that got the same pid does not keep a dead one alive', async () => {
    const { identity } = await startIdentified();
    expect(liveness({ ...identity, startTime: Number(identity.startTime) - 1 })).toBe('dead');
  });

  test.runIf(onLinux)('a zombie is dead', async () => {
    // `exec` turns the shell into a program that never waits for the child it inherits; until then the shell would.
    const { child, line } = await start('sh', ['-c', 'sleep 600 & echo $!; exec sleep 600']);
    await expect.poll(() => readFileSync(`/proc/${child.pid}/comm`, 'utf8')).toBe('sleep\n');
    const stat = (): string[] =>
      readFileSync(`/proc/${line}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ');
    const identity = { ...ownIdentity(), pid: Number(line), startTime: Number(stat()[19]) };
    expect(liveness(identity)).toBe('alive');
    process.kill(Number(line), 'SIGKILL');
    await expect.poll(() => stat()[0]).toBe('Z');
    expect(liveness(identity)).toBe('dead');
  });

  test.runIf(onLinux)('one whose first thread has ended is alive while another one runs', async (context) => {
    if (!permits('python3', '--version')) return context.skip('no python3 here');
    const code = [
      'import ctypes, os, platform, sys, threading, time',
      'threading.Thread(target=lambda: time.sleep(600)).start()',
      'print(os.getpid(), flush=True)',
      'ctypes.CDLL(None).syscall(93 if platform.machine() == "aarch64" else 60, 0)',
    ].join('\n');
    const { child, line } = await start('python3', ['-c', code]);
    const stat = () => readProcStat(`/proc/${line}/stat`);
    await expect.poll(() => stat().state).toBe('Z');
    const identity = { ...ownIdentity(), pid: Number(line), startTime: stat().startTime };
    expect(liveness(identity)).toBe('alive');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(liveness(identity)).toBe('dead');
  });

  test.runIf(onLinux)('a terminated worker thread is dead while its process lives on', async () => {
    const worker = new Worker(fixture('identify-in-worker'));
    const [identity] = (await once(worker, 'message')) as [ProcessIdentity];
    expect(identity.pid).toBe(process.pid);
    expect(liveness(identity)).toBe('alive');
    const { thread } = identity;
    if (thread === undefined) throw new Error('a worker has a thread');
    // The number of a thread that ended, which another one got.
    expect(liveness({ ...identity, thread: { ...thread, startTime: thread.startTime - 1 } })).toBe('dead');
    await worker.terminate();
    expect(liveness(identity)).toBe('dead');
  });
});

describe.runIf(onLinux)('what cannot be seen from here is unknown', () => {
  const self = ownIdentity();
  const gone = { ...self, pid: 2 ** 22 + 1, startTime: 1 };

  test('a process of another machine, even of the same name', () => {
    expect(liveness({ ...gone, bootId: 'other', machine: 'other' }, self)).toBe('unknown');
    expect(liveness({ ...gone, bootId: 'other', host: 'other' }, self)).toBe('unknown');
  });

  test('a process of another container, on this boot and on an earlier one', () => {
    const container = { ...self, pidNamespace: 4026532999 };
    expect(liveness({ ...gone, pidNamespace: 4026532999 }, self)).toBe('unknown');
    expect(liveness({ ...gone, bootId: 'other', pidNamespace: 4026532999 }, self)).toBe('unknown');
    expect(liveness({ ...gone, bootId: 'other' }, container)).toBe('unknown');
  });

  test('a process that left no boot id, and everything to one that cannot read its own', () => {
    const { bootId: _, ...bootless } = self;
    expect(liveness({ ...gone, ...bootless, bootId: 'other' }, bootless)).toBe('unknown');
    expect(liveness({ ...bootless, pid: gone.pid }, bootless)).toBe('unknown');
    expect(liveness(bootless, self)).toBe('unknown');
  });

  test('an existing pid whose start times count from another start', () => {
    expect(liveness({ ...self, timeNamespace: 1, startTime: 1 }, self)).toBe('unknown');
    expect(liveness({ ...gone, timeNamespace: 1 }, self)).toBe('dead');
  });

  test('a process of this machine before its last boot is dead', () => {
    const machine = { ...self, machine: 'm', pidNamespace: 4026531836 };
    expect(liveness({ ...machine, bootId: 'earlier' }, machine)).toBe('dead');
    // Without an id of the machine it may have been another one.
    const { machine: _, ...nameless } = machine;
    expect(liveness({ ...nameless, bootId: 'earlier' }, nameless)).toBe('unknown');
  });

  test('a real process in a pid namespace of its own', async (context) => {
    if (!permits('unshare', '--pid', '--fork', '--mount-proc', 'true')) return context.skip('no pid namespaces here');
    const judge = (...options: string[]): string =>
      execFileSync('unshare', [
        ...['--pid', '--fork', ...options, process.execPath, fixture('judge-liveness')],
        JSON.stringify(self),
      ])
        .toString()
        .trim();
    expect(judge('--mount-proc')).toBe('unknown');
    expect(judge()).toBe('unknown');
  });

  test('anybody in a /proc that is of another pid namespace: what it shows at our own pid is a stranger', async (context) => {
    const inside = ['--pid', '--fork', process.execPath, fixture('stay-and-identify')];
    if (!permits('unshare', '--pid', '--fork', 'true')) return context.skip('no pid namespaces here');
    const { line } = await start('unshare', inside);
    const identity = JSON.parse(line) as ProcessIdentity;
    expect(identity.pid).toBe(1);
    expect(identity.startTime).toBe(undefined);
  });

  test('a real process behind a /proc that hides it', async (context) => {
    const hidden =
      'mount -t proc -o hidepid=2 proc /proc && exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"';
    const judge = ['--mount', 'sh', '-c', hidden, 'sh', process.execPath, fixture('judge-liveness')];
    if (!permits('unshare', '--mount', 'sh', '-c', hidden, 'sh', 'test', '-r', fixture('judge-liveness'))) {
      return context.skip('no mounts here, or other users cannot read this checkout');
    }
    const { child, identity } = await startIdentified();
    const judged = (): string =>
      execFileSync('unshare', [...judge, JSON.stringify(identity)])
        .toString()
        .trim();
    expect(judged()).toBe('unknown');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(judged()).toBe('dead');
  });
});
