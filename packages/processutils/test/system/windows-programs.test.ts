import { expect, test } from 'vitest';
import { namedOnce } from '../../build/command/command-environment.js';
import { windowsCandidates } from '../../build/system/program-search.js';
import { isWindowsShell, usualShell } from '../../build/system/shell-choice.js';

// What is found by these names is tried under Wine, see tools/wine.

test('on Windows a program is looked for in the current directory, then in PATH, with each extension of PATHEXT', () => {
  const env = { Path: 'C:\\one;"C:\\two words";', PATHEXT: '.EXE;.CMD' };
  expect(windowsCandidates('npm', 'C:\\work', env)).toEqual([
    'C:\\work\\npm.EXE',
    'C:\\work\\npm.CMD',
    'C:\\one\\npm.EXE',
    'C:\\one\\npm.CMD',
    'C:\\two words\\npm.EXE',
    'C:\\two words\\npm.CMD',
  ]);
});

test('on Windows a program with an extension is first looked for by its own name', () => {
  expect(windowsCandidates('node.exe', 'C:\\work', { PATH: '', PATHEXT: '.EXE' })).toContain('C:\\work\\node.exe');
  expect(windowsCandidates('node.exe', 'C:\\work', { PATH: '', PATHEXT: '.EXE' })[0]).toBe('C:\\work\\node.exe');
});

test('on Windows a program named by a path is looked for there alone', () => {
  expect(windowsCandidates('bin\\tool', 'C:\\work', { PATH: 'C:\\one', PATHEXT: '.EXE' })).toEqual([
    'C:\\work\\bin\\tool.EXE',
  ]);
  expect(windowsCandidates('D:/tool.exe', 'C:\\work', { PATHEXT: '.EXE' })[0]).toBe('D:\\tool.exe');
});

test('without PATHEXT the extensions of a new Windows are tried', () => {
  expect(windowsCandidates('a', 'C:\\', {})).toEqual(['C:\\a.COM', 'C:\\a.EXE', 'C:\\a.BAT', 'C:\\a.CMD']);
});

test('shell: true is the shell of ComSpec on Windows, and /bin/sh elsewhere', () => {
  expect(usualShell('win32', { ComSpec: 'D:\\shells\\cmd.exe' })).toBe('D:\\shells\\cmd.exe');
  expect(usualShell('win32', {})).toBe('cmd.exe');
  expect(usualShell('darwin', { ComSpec: 'D:\\shells\\cmd.exe' })).toBe('/bin/sh');
});

test('only cmd.exe on Windows gets the options of cmd.exe', () => {
  for (const shell of ['cmd', 'CMD.EXE', 'C:\\Windows\\System32\\cmd.exe'])
    expect(isWindowsShell(shell, 'win32')).toBe(true);
  for (const shell of ['C:\\Git\\bin\\sh.exe', 'pwsh', 'xcmd.exe']) expect(isWindowsShell(shell, 'win32')).toBe(false);
  expect(isWindowsShell('cmd.exe', 'linux')).toBe(false);
});

test('on Windows a variable is given once, whatever the case of its name, and the later value counts', () => {
  const entries = [
    ['Path', 'a'],
    ['Temp', '1'],
    ['PATH', 'b'],
    ['TEMP', undefined],
  ] as const;
  expect(namedOnce(entries, 'win32')).toEqual({ PATH: 'b' });
  expect(namedOnce(entries, 'linux')).toEqual({ Path: 'a', Temp: '1', PATH: 'b' });
});
