import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type ConfigFileError,
  type ConfigOverride,
  configFilesIn,
  getOption,
  InvalidOptionError,
  isConcurrencyError,
  loadConfigFile,
  registerOption,
} from '../../src/index.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-file-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  for (const forget of loaded.splice(0)) forget();
});

const loaded: ConfigOverride[] = [];

function write(name: string, text: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function load(text: string | Uint8Array, name = 'service.conf'): void {
  loaded.push(loadConfigFile(write(name, text)));
}

function failure(action: () => void): ConfigFileError {
  try {
    action();
  } catch (error) {
    expect(isConcurrencyError(error, 'ERR_CONFIG_FILE')).toBe(true);
    return error as ConfigFileError;
  }
  throw new Error('nothing was thrown');
}

describe('loadConfigFile', () => {
  it('reads both options from [oslo_concurrency] and leaves the rest to its owners', () => {
    load(
      '[DEFAULT]\ndebug = maybe\n[oslo_concurrency]\nlock_path = /run/locks\ndisable_process_locking = yes\n[other]\nx=$y',
    );
    expect(getOption('lockPath')).toBe('/run/locks');
    expect(getOption('disableProcessLocking')).toBe(true);
  });

  it('takes the value of the group where [DEFAULT] sets one too', () => {
    load('[DEFAULT]\nlock_path=/old\n[oslo_concurrency]\nlock_path=/new');
    expect(getOption('lockPath')).toBe('/new');
  });

  it.each([
    ['lock_path=/old', 'lock_path'],
    ['disable_process_locking=on', 'disable_process_locking'],
  ])('refuses %s in [DEFAULT] only, and tells where it belongs', (line, key) => {
    load('[oslo_concurrency]\nlock_path=/before\ndisable_process_locking=off', 'before.conf');
    const path = join(folder, 'service.conf');
    expect(failure(() => load(`[DEFAULT]\ndebug=yes\n${line}\n[oslo_concurrency]\nother=1`)).message).toBe(
      `${path}: line 3: ${key} is in [DEFAULT], where oslo.concurrency does not read it since its version 6; move it to [oslo_concurrency]`,
    );
    expect(getOption('lockPath')).toBe('/before');
    expect(getOption('disableProcessLocking')).toBe(false);
  });

  it('refuses [DEFAULT] lock_path also where another file has it in the group, since old and new oslo differ', () => {
    const right = write('right.conf', '[oslo_concurrency]\nlock_path=/right');
    const wrong = write('wrong.conf', '[DEFAULT]\nlock_path=/wrong');
    expect(failure(() => loadConfigFile(right, wrong)).path).toBe(wrong);
    expect(failure(() => loadConfigFile(wrong, right)).path).toBe(wrong);
    expect(getOption('lockPath')).toBeUndefined();
  });

  it('adds to what earlier files set, and the last file that sets an option wins', () => {
    load('[oslo_concurrency]\nlock_path=/one\ndisable_process_locking=on', 'a.conf');
    load('[DEFAULT]\nlog_file=/log', 'b.conf');
    expect(getOption('lockPath')).toBe('/one');
    load('[oslo_concurrency]\nlock_path=/two', 'c.conf');
    expect(getOption('lockPath')).toBe('/two');
    expect(getOption('disableProcessLocking')).toBe(true);
  });

  it('reads several files in one call, the last with the last word', () => {
    const first = write('a.conf', '[oslo_concurrency]\nlock_path=/one\ndisable_process_locking=on');
    const last = write('b.conf', '[oslo_concurrency]\nlock_path=/two');
    loaded.push(loadConfigFile(first, last));
    expect(getOption('lockPath')).toBe('/two');
    expect(getOption('disableProcessLocking')).toBe(true);
  });

  it('changes nothing when one of several files cannot be used', () => {
    load('[oslo_concurrency]\nlock_path=/before', 'before.conf');
    const good = write('a.conf', '[oslo_concurrency]\nlock_path=/good');
    const bad = write('b.conf', '[oslo_concurrency]\ndisable_process_locking=perhaps');
    for (const paths of [
      [good, bad],
      [good, join(folder, 'missing.conf')],
      [good, '/\0'],
    ]) {
      expect(failure(() => loadConfigFile(...paths)).path).toBe(paths[1]);
      expect(getOption('lockPath')).toBe('/before');
    }
    expect(() => loadConfigFile(good, '')).toThrow(InvalidOptionError);
    expect(getOption('lockPath')).toBe('/before');
  });

  it('replaces what the same file said before, and makes it the last', () => {
    load('[oslo_concurrency]\nlock_path=/one\ndisable_process_locking=on', 'a.conf');
    load('[oslo_concurrency]\nlock_path=/two', 'b.conf');
    load('[oslo_concurrency]\nlock_path=/three', 'a.conf');
    expect(getOption('lockPath')).toBe('/three');
    expect(getOption('disableProcessLocking')).toBe(false);
  });

  it('knows a file again by its absolute path', () => {
    const path = write('again.conf', '[oslo_concurrency]\nlock_path=/one\ndisable_process_locking=on');
    loaded.push(loadConfigFile(relative(process.cwd(), path)));
    load('[oslo_concurrency]\nlock_path=/two', 'again.conf');
    expect(getOption('disableProcessLocking')).toBe(false);
  });

  it('returns a function that forgets just these files, whenever it is called', () => {
    const one = loadConfigFile(write('a.conf', '[oslo_concurrency]\nlock_path=/one'));
    {
      using _ = loadConfigFile(write('b.conf', '[oslo_concurrency]\nlock_path=/two'));
      expect(getOption('lockPath')).toBe('/two');
    }
    expect(getOption('lockPath')).toBe('/one');
    const two = loadConfigFile(write('b.conf', '[oslo_concurrency]\nlock_path=/two'));
    one();
    expect(getOption('lockPath')).toBe('/two');
    const again = loadConfigFile(write('a.conf', '[oslo_concurrency]\nlock_path=/again'));
    one();
    expect(getOption('lockPath'), 'a file that was loaded again stays').toBe('/again');
    again();
    two();
    two();
    expect(getOption('lockPath')).toBeUndefined();
  });

  it('fills in $name from the last file that sets it, be it another one than the value is in', () => {
    const base = write('base.conf', '[DEFAULT]\nstate_path=/base');
    const value = write('value.conf', '[oslo_concurrency]\nlock_path=$state_path/locks');
    const site = write('site.conf', '[DEFAULT]\nstate_path=/site');
    loaded.push(loadConfigFile(value, base));
    expect(getOption('lockPath')).toBe('/base/locks');
    loaded.push(loadConfigFile(site));
    expect(getOption('lockPath')).toBe('/site/locks');
  });

  it('names the file that holds the wrong value, not the one that was loaded last', () => {
    const value = write('value.conf', '[oslo_concurrency]\nlock_path=$state_path/locks');
    const other = write('other.conf', '[DEFAULT]\ndebug=on');
    expect(failure(() => loadConfigFile(value, other)).path).toBe(value);
  });

  it('gives a value to an option that is registered only after the file was loaded', () => {
    const late = (name: string) => () => getOption(name as 'lockPath');
    const definition = {
      type: 'number',
      default: 4,
      help: 'For this test.',
      expected: 'a number',
      accepts: () => true,
    };
    load('[oslo_concurrency]\nlate_option=7\nlate_wrong=many');
    registerOption<number>({ ...definition, name: 'lateOption', type: 'number' });
    registerOption<number>({
      ...definition,
      name: 'lateWrong',
      type: 'number',
      accepts: (value) => !Number.isNaN(value),
    });
    expect(late('lateOption')()).toBe(7);
    for (let i = 0; i < 2; i += 1) {
      expect(failure(late('lateWrong')).message).toContain(
        ": line 3: late_wrong must be a number; got 'many' (string)",
      );
    }
  });

  it.each([
    ['lock_path: /colon', '/colon'],
    ['lock_path = "/quoted path"', '/quoted path'],
    ['lock_path = /with#hash;and=more:signs', '/with#hash;and=more:signs'],
    ['lock_path = null', 'null'],
    ['lock_path = true', 'true'],
    ['lock_path = C:\\locks\\n', 'C:\\locks\\n'],
    ['lock_path = /first\nlock_path = /last', '/last'],
    ['lock_path[] = /array\nlock_path = /plain', '/plain'],
    ['lock_path = /kept\n[oslo_concurrency.lock_path]\nx = 1', '/kept'],
    ['lock_path = /kept\n[__proto__]\nlock_path = /evil', '/kept'],
    ['lock_path = /a\n  b', '/a\nb'],
    ['lock_path = \\$HOME$$', '$HOME$'],
    ['lock_path = cost$', 'cost$'],
  ])('reads %o as oslo.config does', (text, expected) => {
    load(`[Oslo_Concurrency]\n${text}\n`);
    expect(getOption('lockPath')).toBe(expected);
  });

  it('fills in $name and ${name} from [DEFAULT], through several steps', () => {
    load(
      '[DEFAULT]\nbase=/var/lib\nstate_path=$base/nova\n[oslo_concurrency]\nbase=/other\nlock_path=${state_path}/locks',
    );
    expect(getOption('lockPath')).toBe('/var/lib/nova/locks');
  });

  it.each([
    ['lock_path = ', "line 2: lock_path must be a path that is not empty and has no NUL; got '' (string)"],
    ['disable_process_locking = perhaps', "line 2: disable_process_locking must be a boolean; got 'perhaps' (string)"],
    ['disable_process_locking = " true"', "line 2: disable_process_locking must be a boolean; got ' true' (string)"],
    [
      'lock_path = $state_path/x',
      'line 2: lock_path = ... $state_path ... needs state_path in [DEFAULT] of a loaded file',
    ],
    [
      'lock_path = $lock_path/x',
      'line 2: lock_path = ... $lock_path ... refers to an option of [oslo_concurrency]; write its value',
    ],
    [
      'lock_path = $lock_path/x\n[DEFAULT]\nlock_path = /a',
      'line 2: lock_path = ... $lock_path ... refers to an option of [oslo_concurrency]; write its value',
    ],
    [
      'lock_path = ${DEFAULT.a}',
      'line 2: lock_path = ... ${DEFAULT.a} ... needs DEFAULT.a in [DEFAULT] of a loaded file',
    ],
    ['lock_path = $a\n[DEFAULT]\na=$b\nb=$a', 'line 2: lock_path = ... $a ... refers to itself'],
    ['lock_path /x', 'line 2: is neither a section, nor a comment, nor key = value'],
    ['= /x', 'line 2: has no key before the sign'],
    ['[other', 'line 2: is not a section of the form [name]'],
    ['[]', 'line 2: is not a section of the form [name]'],
    ['# comment\n  /x', 'line 3: is indented, but there is no value before it to continue'],
  ])('refuses %o and says where', (text, message) => {
    load('[oslo_concurrency]\nlock_path=/before');
    const error = failure(() => load(`[oslo_concurrency]\n${text}`));
    expect(error.message).toBe(`${join(folder, 'service.conf')}: ${message}`);
    expect(error).toMatchObject({ path: join(folder, 'service.conf'), name: 'ConfigFileError' });
    expect(error.cause).toBeInstanceOf(Error);
    expect(getOption('lockPath'), 'the earlier file stays in force').toBe('/before');
  });

  it('refuses a value before the first section', () => {
    expect(failure(() => load('lock_path = /x')).message).toContain('line 1: is before the first [section]');
  });

  it('names the line where a value begins, after comments, blank and continued lines', () => {
    const text = '# top\r\n\r\n[DEFAULT]\na = b\n  c\n\n[oslo_concurrency]\rdisable_process_locking = no # not today\n';
    expect(failure(() => load(text)).message).toMatch(
      /: line 8: disable_process_locking must be a boolean; got 'no # not today' \(string\)$/,
    );
  });

  it('says that there is a byte order mark', () => {
    expect(failure(() => load('\ufeff[DEFAULT]\n')).message).toMatch(/: line 1: begins with a byte order mark/);
  });

  it('reads a line with a long run of spaces in time that grows with its length only', () => {
    const started = performance.now();
    load(`[oslo_concurrency]\nlock_path = /a${' '.repeat(300_000)}b\n`);
    expect(getOption('lockPath')).toHaveLength(300_003);
    // By the square of the length it took minutes.
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it('refuses what is not UTF-8', () => {
    expect(failure(() => load(Buffer.from('[DEFAULT]\nlock_path=/caf\xe9', 'latin1'))).message).toContain(
      'is not UTF-8',
    );
  });

  it.each([
    ['that is missing', () => {}, 'ENOENT', ''],
    ['that is a directory', (path: string) => mkdirSync(path), 'not a regular file', ''],
    ['that is a FIFO, without waiting', (path: string) => execFileSync('mkfifo', [path]), 'not a regular file', ''],
    ['below a file', (path: string) => writeFileSync(path, ''), 'ENOTDIR', '/x'],
    ['whose name has a NUL', () => {}, 'ERR_INVALID_ARG_VALUE', '\0'],
  ])('refuses a file %s', (title, make, reason, rest) => {
    const path = join(folder, title.replaceAll(' ', '-'));
    make(path);
    const error = failure(() => loadConfigFile(path + rest));
    expect(error.message).toMatch(new RegExp(`: cannot be read \\(${reason}\\)$`));
    expect(error.cause).toBeInstanceOf(Error);
  });

  it('refuses a file it may not read', () => {
    const path = join(folder, 'secret.conf');
    writeFileSync(path, '[oslo_concurrency]\nlock_path=/x');
    chmodSync(path, 0o000);
    chmodSync(folder, 0o755);
    const script = `import('@oslo-concurrency/core').then(({ loadConfigFile }) => {
      if (process.getuid() === 0) process.setuid(65534);
      try { loadConfigFile(process.argv[1]) } catch (error) { console.log(error.message) }
    })`;
    const said = execFileSync(process.execPath, ['-e', script, path], { cwd: import.meta.dirname, encoding: 'utf8' });
    expect(said.trim()).toBe(`${path}: cannot be read (EACCES)`);
  });

  it.each([undefined, null, 5, ''])('refuses the path %o before anything is opened', (path) => {
    expect(() => loadConfigFile(path as string)).toThrow(InvalidOptionError);
    expect(() => configFilesIn(path as string)).toThrow(InvalidOptionError);
  });
});

describe('configFilesIn', () => {
  it('lists what oslo.config reads for --config-dir: *.conf, not hidden, in the order of Python', () => {
    const directory = join(folder, 'nova.conf.d');
    mkdirSync(directory);
    const names = ['10-b.conf', '9.conf', 'B.conf', 'a.conf', '\ue000.conf', '\u{10000}.conf'];
    for (const name of [...names, '.hidden.conf', 'x.conf.bak', 'xconf', '.conf'])
      writeFileSync(join(directory, name), '');
    expect(configFilesIn(directory)).toEqual(names.map((name) => join(directory, name)));
  });

  it('refuses a directory that cannot be read', () => {
    const missing = join(folder, 'missing.d');
    const error = failure(() => configFilesIn(missing));
    expect(error.message).toBe(`${missing}: cannot be read (ENOENT)`);
    expect(error).toMatchObject({ path: missing, cause: expect.any(Error) });
    expect(failure(() => configFilesIn(write('a-file', ''))).message).toMatch(/\(ENOTDIR\)$/);
  });

  it('gives nothing to load from an empty directory', () => {
    const directory = join(folder, 'empty.d');
    mkdirSync(directory);
    load('[oslo_concurrency]\nlock_path=/before');
    loadConfigFile(...configFilesIn(directory))();
    expect(getOption('lockPath')).toBe('/before');
  });
});
