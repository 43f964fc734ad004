import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { acquireAll, closeLockPath, type LockOptions, lock, lockSync } from '@oslo-concurrency/lockutils';
import { afterEach, describe, expect, test } from 'vitest';
import { killChild } from '../support/kill-child.js';

const fixture = (name: string): URL => new URL(`../fixtures/${name}`, import.meta.url);
const threads: LockOptions = { threads: true };
let names = 0;
const freshName = (): string => {
  names += 1;
  return `threads ${process.pid} ${names}`;
};
const running: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of running.splice(0)) await end();
});

interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: { readonly code: string; readonly message: string; readonly holders?: readonly object[] };
}

/** Something that takes and releases locks when it is told to. */
class Locker {
  readonly #send: (message: object) => void;
  readonly #answers = new Map<number, (answer: Answer) => void>();
  readonly ready: Promise<Answer>;
  #id = 0;

  constructor(send: (message: object) => void, listen: (answer: (message: Answer) => void) => void) {
    this.#send = send;
    this.ready = new Promise((resolve) => this.#answers.set(0, resolve));
    listen((answer) => this.#answers.get(answer.id)?.(answer));
  }

  /** Resolves when the next call begins to wait. */
  nextWaits(): Promise<Answer> {
    return new Promise((resolve) => this.#answers.set(-this.#id - 1, resolve));
  }

  ask(call: 'lock' | 'release', name = '', options: LockOptions = threads): Promise<Answer> {
    this.#id += 1;
    const id = this.#id;
    const answer = new Promise<Answer>((resolve) => this.#answers.set(id, resolve));
    this.#send({ id, call, name, options });
    return answer;
  }
}

async function thread(env: NodeJS.ProcessEnv = process.env): Promise<Locker & { readonly worker: Worker }> {
  const worker = new Worker(fixture('thread-locker.mjs'), { env });
  running.push(() => worker.terminate());
  const locker = new Locker(
    (message) => worker.postMessage(message),
    (listener) => worker.on('message', listener),
  );
  await locker.ready;
  return Object.assign(locker, { worker });
}

async function childProcess(): Promise<Locker & { readonly child: ChildProcess }> {
  const child = fork(fixture('thread-locker.mjs'));
  running.push(() => killChild(child));
  const locker = new Locker(
    (message) => child.send(message),
    (listener) => child.on('message', (message) => listener(message as Answer)),
  );
  await locker.ready;
  return Object.assign(locker, { child });
}

function countInThreads(options: LockOptions, env: NodeJS.ProcessEnv = {}): { count: number; log: string[] } {
  const program = fileURLToPath(fixture('count-in-threads.mjs'));
  const args = [program, JSON.stringify(options)];
  return JSON.parse(execFileSync(process.execPath, args, { env: { ...process.env, ...env }, encoding: 'utf8' }));
}

describe('a lock with threads: true', () => {
  test('G9 is held by one worker thread of the process at a time', () => {
    expect(countInThreads(threads)).toEqual({ count: 400, log: [] });
  });

  test('negative control: without it, worker threads lose updates', () => {
    expect(countInThreads({}).count).toBeLessThan(400);
  });

  test('G9 G21 holds by the lockfile driver, without the add-on', () => {
    expect(countInThreads(threads, { OSLO_LOCK_DRIVER: 'lockfile' })).toEqual({ count: 400, log: [] });
  });

  test('G9 holds though process locking is disabled; an external lock then warns each thread that it does not', () => {
    const disabled = { OSLO_DISABLE_PROCESS_LOCKING: 'true' };
    expect(countInThreads({ external: true, threads: true }, disabled)).toEqual({ count: 400, log: [] });
    const { count, log } = countInThreads({ external: true }, disabled);
    expect(count).toBeLessThan(400);
    expect(log).toEqual(Array(4).fill(expect.stringMatching(/disable_process_locking.*threads: true/)));
  });

  test('G9 holds between this thread and a worker, which has another environment, in every form of call', async () => {
    const name = freshName();
    const other = await thread({ TMPDIR: '/var/tmp', HOME: '/nowhere' });
    const held = await lock(name, threads);
    const refused = await other.ask('lock', name, { threads: true, blocking: false });
    expect(refused.error?.code).toBe('ERR_LOCK_NOT_ACQUIRED');
    await held.release();
    expect((await other.ask('lock', name, { threads: true, blocking: false })).error).toBeUndefined();
    const taken = expect.objectContaining({ code: 'ERR_LOCK_NOT_ACQUIRED' });
    expect(() => lockSync(name, { threads: true, blocking: false })).toThrow(taken);
    await expect(acquireAll([name, freshName()], { threads: true, blocking: false })).rejects.toEqual(taken);
    await other.ask('release');
    lockSync(name, { threads: true, blocking: false }, () => {});
    await acquireAll([name], { threads: true, blocking: false }, () => {});
  });

  test('G9 excludes an internal lock of the same name in the same thread', async () => {
    const name = freshName();
    const held = await lock(name, threads);
    await expect(lock(name, { blocking: false })).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_ACQUIRED' });
    await held.release();
  });

  test('does not hold between processes', async () => {
    const name = freshName();
    const held = await lock(name, threads);
    const other = await childProcess();
    expect((await other.ask('lock', name, { threads: true, blocking: false })).error).toBeUndefined();
    await held.release();
  });

  test('takes any name that an internal lock takes', async () => {
    const names = ['a/b', 'a_b', '.', '..', 'nul\0', 'x'.repeat(10_000), '.oslo-concurrency'];
    const held = await Promise.all(names.map((name) => lock(name, { threads: true, blocking: false })));
    for (const handle of held) await handle.release();
  });

  test('G10 fair: serves threads in order of arrival', async () => {
    const name = freshName();
    const held = await lock(name, threads);
    const options: LockOptions = { threads: true, fair: true };
    const lockers = [await thread(), await thread(), await thread()];
    const order: number[] = [];
    const grants: Promise<unknown>[] = [];
    for (const [index, locker] of lockers.entries()) {
      const waits = locker.nextWaits();
      grants.push(
        locker.ask('lock', name, options).then(() => {
          order.push(index);
          return locker.ask('release');
        }),
      );
      await waits;
    }
    await held.release();
    await Promise.all(grants);
    expect(order).toEqual([0, 1, 2]);
  });

  test('G11 shared: threads share it, and exclude an exclusive one', async () => {
    const name = freshName();
    const other = await thread();
    await using _held = await lock(name, { threads: true, shared: true });
    expect((await other.ask('lock', name, { threads: true, shared: true, blocking: false })).error).toBeUndefined();
    const third = await thread();
    const refused = await third.ask('lock', name, { threads: true, blocking: false });
    expect(refused.error?.code).toBe('ERR_LOCK_NOT_ACQUIRED');
    await other.ask('release');
  });

  test('G1 a terminated worker frees it', async () => {
    const name = freshName();
    const other = await thread();
    await other.ask('lock', name);
    const waits = lock(name, { threads: true });
    await other.worker.terminate();
    await (await waits).release();
  });

  test('G18 a timeout names this process as the holder', async () => {
    const name = freshName();
    const other = await thread();
    await other.ask('lock', name);
    await expect(lock(name, { threads: true, timeout: 20 })).rejects.toMatchObject({
      code: 'ERR_LOCK_TIMEOUT',
      holders: [expect.objectContaining({ pid: process.pid })],
    });
    await other.ask('release');
  });

  test('G25 leaves no lock file when it is released', async () => {
    const held = await lock(freshName(), threads);
    const { lockFile = '' } = held;
    expect(existsSync(lockFile)).toBe(true);
    await held.release();
    expect(existsSync(lockFile)).toBe(false);
  });

  test('keeps its files in a directory that only this user enters, and that goes with the process', async () => {
    const other = await childProcess();
    const { value } = await other.ask('lock', freshName());
    const directory = dirname(String(value));
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    other.child.disconnect();
    other.child.kill('SIGTERM');
    await once(other.child, 'exit');
    // SIGTERM without a handler runs no exit handler: the next process removes it.
    const next = await childProcess();
    await next.ask('lock', freshName());
    expect(existsSync(directory)).toBe(false);
    next.child.disconnect();
    const [code] = await once(next.child, 'exit');
    expect(code).toBe(0);
  });

  test('removes its directory at the end of the process', () => {
    const code = `import { lock } from '@oslo-concurrency/lockutils';
      const held = await lock('x', { threads: true });
      console.log(held.lockFile);
      await held.release();`;
    const file = execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' }).trim();
    expect(existsSync(dirname(file))).toBe(false);
  });

  test('leaves the directory of a live process alone, also when one of its workers ends', async () => {
    const held = await lock(freshName(), threads);
    const directory = dirname(held.lockFile ?? '');
    const other = await childProcess();
    await other.ask('lock', freshName());
    expect(existsSync(directory)).toBe(true);
    const library = JSON.stringify(new URL('../../dist/index.js', import.meta.url).href);
    const code = `import(${library}).then(({ lock }) => lock('of a worker', { threads: true }, () => {}))`;
    const worker = new Worker(code, { eval: true });
    expect(await once(worker, 'exit')).toEqual([0]);
    expect(existsSync(directory)).toBe(true);
    await held.release();
  });

  test.each(['kernel', 'lockfile'] as const)(
    'G9 holds again between threads, by the %s driver, after its directory was removed, which is made again',
    async (driver) => {
      const options: LockOptions = { threads: true, driver };
      const name = freshName();
      const held = await lock(name, options);
      const directory = dirname(held.lockFile ?? '');
      const other = await thread();
      await other.ask('lock', freshName(), options);
      await other.ask('release');
      await held.release();
      const removals = [
        () => rmSync(directory, { recursive: true }),
        // Then nothing in it is open any more, and it is checked again.
        () => {
          rmSync(directory, { recursive: true });
          closeLockPath({ lockPath: directory });
        },
      ];
      for (const remove of removals) {
        remove();
        const again = await lock(name, options);
        expect(again.lockFile).toBe(held.lockFile);
        expect(statSync(directory).mode & 0o777).toBe(0o700);
        const refused = await other.ask('lock', name, { ...options, blocking: false });
        expect(refused.error?.code).toBe('ERR_LOCK_NOT_ACQUIRED');
        await again.release();
        expect((await other.ask('lock', name, { ...options, blocking: false })).error).toBeUndefined();
        await expect(lock(name, { ...options, blocking: false })).rejects.toMatchObject({
          code: 'ERR_LOCK_NOT_ACQUIRED',
        });
        await other.ask('release');
      }
      // The drivers share this directory, and it belongs to the one that came first.
      rmSync(directory, { recursive: true });
    },
  );

  test('G4 a thread that held it when its directory was removed learns at its release that it was lost', async () => {
    const name = freshName();
    const held = await lock(name, threads);
    rmSync(dirname(held.lockFile ?? ''), { recursive: true });
    const other = await thread();
    expect((await other.ask('lock', name, { threads: true, blocking: false })).error).toBeUndefined();
    await expect(held.release()).rejects.toMatchObject({ cause: { code: 'ERR_LOCK_LOST' } });
    await expect(lock(name, { threads: true, blocking: false })).rejects.toMatchObject({
      code: 'ERR_LOCK_NOT_ACQUIRED',
    });
    expect((await other.ask('release')).error).toBeUndefined();
  });

  test.runIf(process.geteuid?.() === 0)(
    'G16 refuses a directory that another user made at its place after it was removed',
    async () => {
      const held = await lock(freshName(), threads);
      const directory = dirname(held.lockFile ?? '');
      await held.release();
      rmSync(directory, { recursive: true });
      mkdirSync(directory);
      chownSync(directory, 65_534, 65_534);
      try {
        await expect(lock(freshName(), threads)).rejects.toMatchObject({ code: 'ERR_LOCK_PATH', path: directory });
      } finally {
        rmSync(directory, { recursive: true });
      }
      await (await lock(freshName(), threads)).release();
    },
  );

  test.runIf(process.geteuid?.() === 0)(
    'leaves the directory of another user alone, though its process is dead',
    async () => {
      const dead = await childProcess();
      const directory = dirname(String((await dead.ask('lock', freshName())).value));
      dead.child.kill('SIGKILL');
      await once(dead.child, 'exit');
      chownSync(directory, 65_534, 65_534);
      try {
        await (await childProcess()).ask('lock', freshName());
        expect(existsSync(directory)).toBe(true);
      } finally {
        chownSync(directory, 0, 0);
      }
      await (await childProcess()).ask('lock', freshName());
      expect(existsSync(directory)).toBe(false);
    },
  );

  test.runIf(process.geteuid?.() === 0)('refuses a directory that another user made at its place', () => {
    const code = `
      import { chownSync, mkdirSync, rmdirSync, rmSync } from 'node:fs';
      import { dirname } from 'node:path';
      import { Worker } from 'node:worker_threads';
      import { lock } from '@oslo-concurrency/lockutils';
      const worker = () => new Promise((resolve) => new Worker(${JSON.stringify(`
        import { lock } from '@oslo-concurrency/lockutils';
        import { parentPort } from 'node:worker_threads';
        const held = await lock('x', { threads: true }).catch((error) => error);
        parentPort.postMessage(held.code ?? held.lockFile);`)}, { eval: true }).on('message', resolve));
      const file = await worker();
      rmSync(dirname(file), { recursive: true });
      mkdirSync(dirname(file));
      chownSync(dirname(file), 65534, 65534);
      process.stdout.write(await worker());
      rmdirSync(dirname(file));`;
    expect(execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' })).toBe(
      'ERR_LOCK_PATH',
    );
  });
});
