import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { setFileValues } from '../src/config.js';
import { getOption, isConcurrencyError, loadConfigFile } from '../src/index.js';

const python = '/usr/bin/python3';
const installed = spawnSync(python, ['-c', 'import oslo_concurrency, oslo_config']).status === 0;
const missing = 'needs python3-oslo.concurrency (Debian) for /usr/bin/python3';
if (!installed && process.env.CI) throw new Error(missing);

interface Answer {
  lockPath?: string | null;
  disableProcessLocking?: boolean;
  error?: string;
}

describe.skipIf(!installed)(`loadConfigFile and Python's oslo.config${installed ? '' : ` (${missing})`}`, () => {
  let folder: string;
  let file: string;
  let oslo: ChildProcess;
  let answers: AsyncIterator<string>;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'oslo-agreement-'));
    file = join(folder, 'service.conf');
    oslo = spawn(python, [join(import.meta.dirname, 'fixtures', 'oslo-config.py')], {
      env: { PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', PYTHONUTF8: '1' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    if (oslo.stdout === null) throw new Error('no pipe');
    answers = createInterface({ input: oslo.stdout })[Symbol.asyncIterator]();
  });
  afterAll(async () => {
    const ended = once(oslo, 'exit');
    oslo.stdin?.end();
    await ended;
    rmSync(folder, { recursive: true });
  });
  afterEach(() => setFileValues(new Map()));

  async function askOslo(): Promise<Answer> {
    oslo.stdin?.write(`${file}\n`);
    const { value, done } = await answers.next();
    if (done === true) throw new Error('Python has ended');
    return JSON.parse(value) as Answer;
  }

  function askUs(): Answer {
    setFileValues(new Map());
    try {
      loadConfigFile(file);
    } catch (error) {
      if (!isConcurrencyError(error, 'ERR_CONFIG_FILE')) throw error;
      return { error: error.message };
    }
    return { lockPath: getOption('lockPath') ?? null, disableProcessLocking: getOption('disableProcessLocking') };
  }

  const group = fc.constantFrom('[oslo_concurrency]', '[OSLO_Concurrency] ', '[DEFAULT]');
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

  it('make the same of any file, or it is refused here', async () => {
    let runs = 0;
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(text, async (content) => {
        writeFileSync(file, content);
        const ours = askUs();
        runs += 1;
        if (ours.error !== undefined) return;
        if (ours.lockPath !== null) accepted += 1;
        expect(ours).toEqual(await askOslo());
      }),
      { numRuns: fc.readConfigureGlobal().numRuns ?? 500 },
    );
    // Refusing everything would agree, too.
    expect(accepted / runs).toBeGreaterThan(0.25);
  });
});
