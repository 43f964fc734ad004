import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';

it.each(['before the call', 'before the import'])(
  'execute and trycmd end commands in real time with all timers and clocks replaced %s',
  (when) => {
    const program = join(import.meta.dirname, '..', 'support', 'fixtures', 'everything-faked.mjs');
    const said = execFileSync(process.execPath, [program, JSON.stringify({ when })], { encoding: 'utf8' });
    expect(JSON.parse(said)).toEqual({
      output: 'hi\n',
      shell: 'hi\n',
      input: 'hi\n',
      limits: 'hi\n',
      trycmd: 'hi\n',
      failure: 'ProcessExecutionError',
      'attempts with a delay': 'ProcessExecutionError',
      timeout: 'ProcessTimeoutError',
      'timeout of one that ignores SIGTERM': 'ProcessTimeoutError',
      abort: 'ProcessAbortedError',
      duration: 'real',
    });
  },
);
