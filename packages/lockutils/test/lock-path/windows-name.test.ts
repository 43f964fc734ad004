import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { lockFileName } from '../../build/lock-path/lock-path.js';
import { isWindowsName, windowsName } from '../../build/lock-path/windows-name.js';
import { testProperty } from '../support/property-test.js';

// That Windows takes these for names of plain files is tried under Wine, see tools/wine.

describe('the name of a lock file on Windows', () => {
  test.each([
    ['nova-web_1.lock', 'nova-web_1.lock'],
    ['..\\escape', '..%5Cescape'],
    ['a*b?', 'a%2Ab%3F'],
    ['a:b', 'a%3Ab'],
    ['con', '%63on'],
    ['NUL', '%4E%55%4C'],
    ['com1.txt', '%63om1.txt'],
    ['lpt9 .x', '%6Cpt9 .x'],
    ['conin$', '%63onin$'],
    ['console', 'console'],
    ['web.', 'web%2E'],
    ['web ', 'web%20'],
    ['Web', '%57eb'],
    ['é', '%C3%A9'],
    ['longfi~1', 'longfi%7E1'],
    ['100%', '100%25'],
    ['\t', '%09'],
  ])('of %j is %j', (name, encoded) => {
    expect(lockFileName(name, undefined, 'win32')).toBe(encoded);
  });

  test('is that of other systems where Windows takes it for one', () => {
    expect(lockFileName('NUL', undefined, 'linux')).toBe('NUL');
    expect(lockFileName('a*b', 'Prefix', 'darwin')).toBe('Prefix-a*b');
  });

  test('has at most 255 characters as it is encoded', () => {
    expect(lockFileName('A'.repeat(85), undefined, 'win32')).toHaveLength(255);
    expect(() => lockFileName('A'.repeat(86), undefined, 'win32')).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_LOCK_NAME', problem: 'too-long' }),
    );
  });

  const awkward = fc.string({
    unit: fc.constantFrom(
      'a',
      'A',
      'é',
      'É',
      '%',
      '2',
      '4',
      '1',
      'E',
      '.',
      ' ',
      ':',
      '\\',
      '*',
      '~',
      '$',
      'c',
      'o',
      'n',
    ),
    minLength: 1,
    maxLength: 8,
  });

  testProperty([awkward])('is one that Windows takes for a plain file', (name) => {
    expect(isWindowsName(windowsName(name))).toBe(true);
  });

  testProperty([awkward, awkward])('is of no other lock, even where capitals do not count', (one, other) => {
    fc.pre(one !== other);
    expect(windowsName(one).toLowerCase()).not.toBe(windowsName(other).toLowerCase());
  });

  test.each(['a*b', 'nul', 'AUX.txt', 'com¹', 'end.', 'end ', 'a:b', 'a\tb', 'a\\b'])(
    '%j is none that Windows takes for a plain file',
    (name) => {
      expect(isWindowsName(name)).toBe(false);
    },
  );
});
