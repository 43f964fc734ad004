import { execFile } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, expectTypeOf, onTestFinished, test } from 'vitest';
import { lock, synchronized } from '../dist/index.js';
import { recordedLog, withoutSeconds } from './fixtures/recorded-log.js';

const run = promisify(execFile);

describe('synchronized as a wrapper', () => {
  test('G9 runs one call at a time with all who use the name, and passes value, arguments and this', async () => {
    const order: string[] = [];
    const account = {
      owner: 'ann',
      add: synchronized('account')(async function (this: { owner: string }, amount: number) {
        order.push(`begin ${amount}`);
        await new Promise(setImmediate);
        order.push(`end ${amount}`);
        return `${this.owner} ${amount}`;
      }),
    };
    const other = synchronized('account')(() => void order.push('other'));
    expect(await Promise.all([account.add(1), other(), account.add(2)])).toEqual(['ann 1', undefined, 'ann 2']);
    expect(order).toEqual(['begin 1', 'end 1', 'other', 'begin 2', 'end 2']);
  });

  test('keeps name, length and types; what was synchronous returns a promise', async () => {
    const plain = synchronized('s')(function sum(a: number, b: number): number {
      return a + b;
    });
    expect([plain.name, plain.length]).toEqual(['sum', 2]);
    expectTypeOf(plain).toEqualTypeOf<(this: unknown, a: number, b: number) => Promise<number>>();
    expect(await plain(1, 2)).toBe(3);
    const generic = synchronized('s')(async <T>(value: T): Promise<T> => value);
    expectTypeOf(generic).toEqualTypeOf<<T>(value: T) => Promise<T>>();
    expect(await generic('x')).toBe('x');
    // @ts-expect-error the arguments are those of the function
    void plain('1', 2).catch(() => {});
  });

  test('logs what oslo logs, with the seconds waited and held', async () => {
    const messages = recordedLog();
    let now = 0;
    const clock = { now: () => now, schedule: () => () => {} };
    const work = synchronized('x', { clock })(function work() {
      now += 1500;
    });
    const held = await lock('x', { doLog: false });
    const working = work();
    now += 250;
    await held.release();
    await working;
    expect(messages).toEqual([
      'Acquiring lock "x" by "work"',
      'Lock "x" acquired by "work" :: waited 0.250s',
      'Lock "x" "released" by "work" :: held 1.500s',
    ]);
  });

  test('rejects when the lock is not free and it may not wait, as oslo raises since 7.3', async () => {
    const messages = recordedLog();
    const work = synchronized('busy', { blocking: false })(() => 'done');
    await lock('busy', { doLog: false }, async () => {
      await expect(work()).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_ACQUIRED' });
    });
    expect(messages).toEqual([
      'Acquiring lock "busy" by "<anonymous>"',
      'Lock "busy" "unacquired" by "<anonymous>" :: held N/A',
    ]);
    expect(await work()).toBe('done');
  });

  test('doLog: false says nothing', async () => {
    const messages = recordedLog();
    await synchronized('quiet', { doLog: false })(() => {})();
    expect(messages).toEqual([]);
  });

  test('G14 a throw, synchronous or not, releases and is passed on', async () => {
    const messages = recordedLog();
    const failure = new Error('the body failed');
    const fail = synchronized('fails')(() => {
      throw failure;
    });
    const reject = synchronized('fails')(() => Promise.reject(failure));
    await expect(fail()).rejects.toBe(failure);
    await expect(reject()).rejects.toBe(failure);
    await lock('fails', { blocking: false }, () => {});
    expect(withoutSeconds(messages)).toContain('Lock "fails" "released" by "<anonymous>" :: held Ns');
  });

  test('what cannot run under a lock is refused where it is written', () => {
    const wrap = synchronized('x') as (fn: unknown, context?: unknown) => unknown;
    expect(() => wrap(function* () {})).toThrow('not a generator');
    expect(() => wrap(async function* () {})).toThrow('not a generator');
    expect(() => wrap(class {})).toThrow('not a class');
    expect(() => wrap('f')).toThrow('fn must be a function');
    expect(() => wrap(() => {}, { kind: 'getter' })).toThrow('decorated must be a method');
    expect(() => wrap({}, 'property')).toThrow('decorated must be a method');
    expect(() => synchronized('')).toThrow('must not be empty');
    expect(() => synchronized('x', { timeout: -1 })).toThrow('timeout must be');
  });
});

describe('synchronized as a method decorator', () => {
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  const fixtures = fileURLToPath(new URL('fixtures/', import.meta.url));
  const modules = fileURLToPath(new URL('../../../node_modules', import.meta.url));

  test.each([
    ['standard', 'false'],
    ['experimentalDecorators', 'true'],
  ])('%s: compiles with its types, and keeps name, length, this and the lock', async (_, experimental) => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'decorated-')));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    symlinkSync(modules, join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    const flags = [
      '--outDir',
      folder,
      '--experimentalDecorators',
      experimental,
      '--strict',
      '--skipLibCheck',
      '--ignoreConfig',
    ];
    const target = [
      '--target',
      'es2022',
      '--lib',
      'es2022,esnext.disposable,esnext.decorators',
      '--module',
      'nodenext',
      '--types',
      'node',
    ];
    await run(process.execPath, [
      tsc,
      ...flags,
      ...target,
      '--rootDir',
      fixtures,
      join(fixtures, 'decorated-ledger.ts'),
    ]);
    const { stdout } = await run(process.execPath, [join(folder, 'decorated-ledger.js')]);
    expect(JSON.parse(stdout)).toEqual({
      lengths: [2, 4],
      counted: ['x'],
      entries: ['begin a', 'end a', 'begin b', 'end b'],
      identity: ['append', 2],
      refused: 'ERR_DEADLOCK',
      tally: [40, 'tally', 1],
      log: expect.arrayContaining([
        'Acquiring lock "ledger" by "Ledger.append"',
        'Lock "ledger" acquired by "Ledger.append" :: waited Ns',
        'Lock "ledger" "released" by "Ledger.append" :: held Ns',
        'Lock "ledger" acquired by "Ledger.count" :: waited Ns',
        'Lock "tally" acquired by "Ledger.tally" :: waited Ns',
        'Lock "ledger" "unacquired" by "Ledger.append" :: held N/A',
      ]),
    });
  });
});
