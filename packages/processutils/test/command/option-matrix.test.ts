import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { asPlainUser, plainUserIsPossible } from '../support/plain-user.js';
import { fixture } from '../support/processes.js';

interface Combination {
  readonly shell: boolean;
  readonly helper: boolean;
  readonly binary: boolean;
  readonly limits: boolean;
  readonly input: 'none' | 'text' | 'stream';
  readonly timeout: boolean;
  readonly wrapper: boolean;
  readonly lines: boolean;
}

describe('every combination of shell, root helper, binary, limits, input, timeout, wrapper and line callback', () => {
  // Root needs no helper; as root the matrix is run by a plain user.
  const isRoot = process.getuid?.() === 0;
  const [file = '', ...args] = isRoot
    ? asPlainUser('option-matrix.mjs')
    : [process.execPath, fixture('option-matrix.mjs')];

  it.skipIf(isRoot && !plainUserIsPossible)('G24 gives what each of its options asks for', () => {
    const lines = execFileSync(file, args, { encoding: 'utf8' }).trim().split('\n');
    expect(lines).toHaveLength(3 * 2 ** 7);
    const own = execFileSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim();
    for (const line of lines) {
      const [options, stdout, isBytes, seen] = JSON.parse(line) as [Combination, string, boolean, string[]];
      const { helper, binary, limits, input, wrapper } = options;
      const expected = [helper ? 'by helper' : '', limits ? '77' : own, wrapper ? 'by wrapper' : ''].join('|');
      const whole = `${expected}|${input === 'none' ? '' : 'in'}`;
      expect({ options, stdout, isBytes, seen }).toEqual({
        options,
        stdout: whole,
        isBytes: binary,
        seen: options.lines ? [whole] : [],
      });
    }
  });
});
