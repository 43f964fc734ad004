import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { setFileValues } from '../src/config.js';
import {
  type ConfigFileError,
  getOption,
  InvalidOptionError,
  isConcurrencyError,
  loadConfigFile,
} from '../src/index.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-file-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => setFileValues(new Map()));

function load(text: string | Uint8Array): void {
  const path = join(folder, 'service.conf');
  writeFileSync(path, text);
  loadConfigFile(path);
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

  it('takes [DEFAULT] where the group does not say', () => {
    load('[DEFAULT]\nlock_path=/old\ndisable_process_locking=on\n[oslo_concurrency]\nlock_path=/new');
    expect(getOption('lockPath')).toBe('/new');
    expect(getOption('disableProcessLocking')).toBe(true);
  });

  it('replaces all that an earlier file set', () => {
    load('[oslo_concurrency]\nlock_path=/one\ndisable_process_locking=on');
    load('[oslo_concurrency]\nlock_path=/two');
    expect(getOption('lockPath')).toBe('/two');
    expect(getOption('disableProcessLocking')).toBe(false);
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
      'line 2: lock_path = ... $state_path ... needs state_path in [DEFAULT] of the same file',
    ],
    [
      'lock_path = $lock_path/x',
      'line 2: lock_path = ... $lock_path ... needs lock_path in [DEFAULT] of the same file',
    ],
    [
      'lock_path = ${DEFAULT.a}',
      'line 2: lock_path = ... ${DEFAULT.a} ... needs DEFAULT.a in [DEFAULT] of the same file',
    ],
    ['[DEFAULT]\na=$b\nb=$a\nlock_path = $a', 'line 5: lock_path = ... $a ... refers to itself'],
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
  });
});
