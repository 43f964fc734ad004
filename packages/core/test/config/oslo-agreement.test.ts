import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { python } from '../../../../installed.js';
import { osloPeers } from '../../../../oslo-peers.js';
import { configFilesIn, getOption, isConcurrencyError, loadConfigFile } from '../../src/index.js';

interface Answer {
  lockPath?: string | null;
  disableProcessLocking?: boolean;
  error?: string;
}

describe.each(osloPeers.map((peer) => [peer.title, peer] as const))('loadConfigFile and %s', (_, { present, env }) => {
  let folder: string;
  let directory: string;
  let oslo: ChildProcess;
  let answers: AsyncIterator<string>;

  beforeAll(() => {
    if (!present) return;
    folder = mkdtempSync(join(tmpdir(), 'oslo-agreement-'));
    directory = join(folder, 'service.conf.d');
    oslo = spawn(python, [join(import.meta.dirname, '..', 'fixtures', 'oslo-config.py')], {
      env: { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', PYTHONUTF8: '1', ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    if (oslo.stdout === null) throw new Error('no pipe');
    answers = createInterface({ input: oslo.stdout })[Symbol.asyncIterator]();
  });
  afterAll(async () => {
    if (!present) return;
    const ended = once(oslo, 'exit');
    oslo.stdin?.end();
    await ended;
    rmSync(folder, { recursive: true });
  });

  async function askOslo(args: readonly string[]): Promise<Answer> {
    oslo.stdin?.write(`${JSON.stringify(args)}\n`);
    const { value, done } = await answers.next();
    if (done === true) throw new Error('Python has ended');
    return JSON.parse(value) as Answer;
  }

  function askUs(...paths: readonly string[]): Answer {
    try {
      using _ = loadConfigFile(...paths);
      return { lockPath: getOption('lockPath') ?? null, disableProcessLocking: getOption('disableProcessLocking') };
    } catch (error) {
      if (!isConcurrencyError(error, 'ERR_CONFIG_FILE')) throw error;
      return { error: error.message };
    }
  }

  const group = fc.constantFrom('[oslo_concurrency]', '[oslo_concurrency]', '[OSLO_Concurrency] ', '[DEFAULT]');
  const otherGroup = fc.constantFrom(
    ...['[default]', '[oslo_concurrency.lock_path]', '[ oslo_concurrency]', '[a]b]', '[__proto__]', '[other]'],
  );
  const key = fc.constantFrom('lock_path', 'lock_path', 'lock_path', 'state_path', 'base');
  const word = fc.constantFrom('true', 'Yes', 'ON', '1', "'off'", '"no"', '0', 'false', ' on', '$base', 'maybe');
  const otherKey = fc.constantFrom('lock_path[]', 'Lock_Path', 'lock-path', '"lock_path"', '__proto__', 'constructor');
  const piece = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom('/a', '/b c', 'locks', 'true', 'No', 'on', 'null', '0') },
    {
      weight: 2,
      arbitrary: fc.constantFrom('$state_path', '${state_path}', '$base', '${base}', '$$', '\\$', '$', '${'),
    },
    {
      weight: 3,
      arbitrary: fc.constantFrom(...'"\'\\;#=:%[].+ \t\x0b\x1c\x85\xa0\u2028\ufeff\u200b\u017fé', '%20', '😀'),
    },
  );
  const value = fc.array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join(''));
  const sign = fc.constantFrom('=', ' = ', ':', ' :', ': = ');
  const assignment = fc
    .oneof(
      { weight: 5, arbitrary: fc.tuple(key, sign, value) },
      { weight: 1, arbitrary: fc.tuple(fc.constant('disable_process_locking'), sign, word) },
    )
    .map((parts) => parts.join(''));
  const harmless = fc.oneof(
    fc.tuple(otherKey, sign, value).map((parts) => parts.join('')),
    fc.tuple(assignment, value).map((parts) => parts.join('\n ')),
    fc.constantFrom('# x = 1', '; y', '', '  '),
  );
  const dangerous = fc.oneof(
    fc.constantFrom(
      '[]',
      '[open',
      ' [x]',
      '\ufeff',
      '=',
      ': x',
      'lock_path',
      'lock_path=',
      'lock_path=\0',
      'lock_path="',
    ),
    fc
      .constantFrom('missing', 'lock_path', 'state_path.x', 'DEFAULT.base', 'disable_process_locking', 'ba\u017fe')
      .map((name) => `lock_path = /a/$${name}/b`),
    value,
  );
  const line = fc.oneof(
    { weight: 16, arbitrary: assignment },
    { weight: 3, arbitrary: harmless },
    { weight: 1, arbitrary: dangerous },
  );
  const ending = fc.constantFrom('\n', '\n', '\r\n', '\r', '\n\n');
  const block = fc.tuple(
    fc.oneof({ weight: 5, arbitrary: group }, { weight: 1, arbitrary: otherGroup }),
    ending,
    fc.array(fc.tuple(line, ending), { maxLength: 4 }),
  );
  const text = fc
    .tuple(fc.oneof({ weight: 9, arbitrary: fc.constant('') }, { weight: 1, arbitrary: dangerous }), fc.array(block))
    .map((parts) => parts.flat(4).join(''));

  function inFile(name: string, content: string): string {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  }

  const runs = fc.readConfigureGlobal().numRuns ?? 500;

  it.skipIf(!present)('make the same of any file, or it is refused here', async () => {
    let tried = 0;
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(text, async (content) => {
        const file = inFile('service.conf', content);
        const ours = askUs(file);
        tried += 1;
        if (ours.error !== undefined) return;
        if (ours.lockPath !== null) accepted += 1;
        expect(ours).toEqual(await askOslo(['--config-file', file]));
      }),
      { numRuns: runs },
    );
    // Refusing everything would agree, too.
    expect(accepted / tried).toBeGreaterThan(0.2);
  });

  // Of what one file can hold, that in which several differ.
  const setting = fc.constantFrom(
    ...['lock_path=/a', 'lock_path=/b', 'lock_path=$base/c', 'lock_path=${state_path}', 'disable_process_locking=on'],
    ...['disable_process_locking=off', 'base=/x', 'state_path=$base/y', 'state_path=/z', 'base=$state_path'],
  );
  const small = fc
    .array(fc.tuple(fc.constantFrom('[DEFAULT]', '[oslo_concurrency]', '[oslo_concurrency]'), fc.array(setting)), {
      maxLength: 3,
    })
    .map((blocks) => blocks.flat(2).join('\n'));
  const name = fc.constantFrom('9.conf', '10.conf', 'B.conf', 'a.conf', '.conf', '.b.conf', 'a.conf.bak');

  it.skipIf(!present)('make the same of several files and of directories, in any order', async () => {
    let tried = 0;
    let accepted = 0;
    const files = fc.array(small, { maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(files, fc.option(fc.dictionary(name, small)), files, async (before, inDirectory, after) => {
        const paths = (contents: string[], prefix: string): string[] =>
          contents.map((content, n) => inFile(`${prefix}${n}.conf`, content));
        const [first, last] = [paths(before, 'first'), paths(after, 'last')];
        rmSync(directory, { recursive: true, force: true });
        mkdirSync(directory);
        for (const [file, content] of Object.entries(inDirectory ?? {})) writeFileSync(join(directory, file), content);
        const named = (list: string[]): string[] => list.flatMap((path) => ['--config-file', path]);
        const ours = askUs(...first, ...configFilesIn(directory), ...last);
        tried += 1;
        if (ours.error !== undefined) return;
        if (ours.lockPath !== null) accepted += 1;
        const args = [...named(first), ...(inDirectory === null ? [] : ['--config-dir', directory]), ...named(last)];
        expect(ours).toEqual(await askOslo(args));
      }),
      { numRuns: runs },
    );
    expect(accepted / tried).toBeGreaterThan(0.1);
  });
});
