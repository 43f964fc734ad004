import { expect, test } from 'vitest';
import { windowsCandidates, windowsStart } from '../../../build/cli/child/windows-command.js';

// That Windows runs what is started like this is tried under Wine, see tools/wine.

test('on Windows a program is looked for in the current directory, then in PATH, with each extension of PATHEXT', () => {
  const env = { Path: 'C:\\one;;"C:\\two words"', PathExt: '.EXE;.CMD' };
  expect(windowsCandidates('npm', env)).toEqual([
    'npm.EXE',
    'npm.CMD',
    'C:\\one\\npm.EXE',
    'C:\\one\\npm.CMD',
    'C:\\two words\\npm.EXE',
    'C:\\two words\\npm.CMD',
  ]);
  expect(windowsCandidates('bin\\npm.cmd', env)).toEqual(['bin\\npm.cmd', 'bin\\npm.cmd.EXE', 'bin\\npm.cmd.CMD']);
});

test('on Windows a program is started by itself, with its arguments as they are', () => {
  const start = windowsStart('C:\\node.exe', ['a b'], {});
  expect(start).toEqual({ file: 'C:\\node.exe', args: ['a b'], verbatim: false });
});

test('on Windows a batch file is started by the shell of ComSpec, and no argument ends the quotes around it', () => {
  const args = ['a b', 'a&b', 'say "hi" & calc', '%PATH%', 'end\\'];
  const { file, args: words, verbatim } = windowsStart('C:\\npm.cmd', args, { ComSpec: 'D:\\cmd.exe' });
  expect([file, verbatim, words.slice(0, 3)]).toEqual(['D:\\cmd.exe', true, ['/d', '/s', '/c']]);
  expect(words[3]).toBe(
    String.raw`"C:\npm.cmd ^"a^ b^" ^"a^&b^" ^^^"say^^^ \^^^"hi\^^^"^^^ ^^^&^^^ calc^^^" ^^^"^^^%PATH^^^%^^^" ^"end\\^""`,
  );
});
