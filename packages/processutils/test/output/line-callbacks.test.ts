import { execute, LineTooLongError } from '@oslo-concurrency/processutils';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter } from '../../src/output/line-splitter.js';
import { encodeText } from '../../src/output/text-decoding.js';
import { endLeftovers, fixture, processesWith, uniqueSleep, until } from '../support/processes.js';
import { rejection } from '../support/rejection.js';

let token = '';
endLeftovers();

const unlimited = (): Error => new Error('there is no limit');

/** The lines that come of the pieces, and the limit of a line that was too long. */
function linesOf(pieces: readonly (string | Buffer)[], limit: number): { lines: string[]; tooLong: unknown } {
  const lines: string[] = [];
  let tooLong: unknown;
  const splitter = new LineSplitter(
    (line) => lines.push(line),
    limit,
    (most) => new RangeError(`${most}`),
  );
  try {
    for (const piece of pieces) splitter.add(Buffer.from(piece));
    splitter.end();
  } catch (error) {
    tooLong = (error as Error).message;
  }
  return { lines, tooLong };
}

describe('line callbacks', () => {
  it('get each line without its end, the last one without one too', async () => {
    const lines: string[] = [];
    const errors: string[] = [];
    const { stdout } = await execute('printf', ['a\\r\\n\\nb c\\nlast'], { onStdoutLine: (line) => lines.push(line) });
    await execute('sh', ['-c', 'printf "x\\ny\\n" >&2'], { onStderrLine: (line) => errors.push(line) });
    expect([lines, errors]).toEqual([
      ['a', '', 'b c', 'last'],
      ['x', 'y'],
    ]);
    expect(stdout).toBe('a\r\n\nb c\nlast');
  });

  it('end the command when they throw, and the throw is what execute rejects with', async () => {
    token = uniqueSleep();
    const bug = new Error('bug');
    const run = execute(fixture('ignores-term.sh'), [token], {
      killGrace: 100,
      onStdoutLine: () => {
        throw bug;
      },
    });
    expect(await rejection(run)).toBe(bug);
    await until(() => processesWith(token).length === 0);
  });

  it('get the same lines however the output is cut into pieces', () => {
    void fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 8 })), (chunks) => {
        const lines: string[] = [];
        const splitter = new LineSplitter((line) => lines.push(line), Number.POSITIVE_INFINITY, unlimited);
        for (const chunk of chunks) splitter.add(Buffer.from(chunk));
        splitter.end();
        const whole = Buffer.concat(chunks).toString('latin1');
        const expected = whole.split('\n').map((line) => line.replace(/\r$/, ''));
        if (whole === '' || whole.endsWith('\n')) expected.pop();
        expect(lines.map((line) => Buffer.from(encodeText(line)).toString('latin1'))).toEqual(expected);
      }),
    );
  });

  it.each([
    ['a little less than', 2 ** 20 - 1],
    ['exactly', 2 ** 20],
    ['a little more than', 2 ** 20 + 1],
    ['many times', 5_000_001],
  ])('get a line of %s a MiB whole, and the lines around it', async (_what, length) => {
    const lines: string[] = [];
    const script = 'echo first; head -c "$1" /dev/zero | tr "\\0" x; printf "\\r\\nlast\\n"';
    await execute('sh', ['-c', script, 'sh', length], { onStdoutLine: (line) => lines.push(line) });
    expect(lines.map((line) => line.length)).toEqual([5, length, 4]);
    expect(new Set(lines[1])).toEqual(new Set('x'));
  });

  it('get a long line of characters of several bytes whole', async () => {
    const lines: string[] = [];
    const script = 'yes "aä€😀" | head -c 3300000 | tr -d "\\n"; echo';
    await execute('sh', ['-c', script], { onStderrLine: () => {}, onStdoutLine: (line) => lines.push(line) });
    expect(lines).toEqual(['aä€😀'.repeat(300_000)]);
  });

  it.each([
    ['a line as long as maxLineLength', ['12345\n'], ['12345'], undefined],
    ['such a line before \\r\\n', ['12345\r\n'], ['12345'], undefined],
    ['such a line whose \\n comes later', ['12345\r', '\n'], ['12345'], undefined],
    ['such a line at the end', ['12345'], ['12345'], undefined],
    ['lines that together are longer', ['123\n', '1234\n12\n'], ['123', '1234', '12'], undefined],
    ['empty lines', ['\n\n\r\n\n\n\n\n\n'], Array(8).fill(''), undefined],
    ['a longer line, after the lines before it', ['1\n\n123456\n7\n'], ['1', ''], '5'],
    ['a longer line before \\r\\n', ['123456\r\n'], [], '5'],
    ['a longer line at the end', ['1\n123456'], ['1'], '5'],
    ['a longer line in pieces', ['123', '456', '\n'], [], '5'],
    ['a line that has no end yet', ['1\n', '1234567'], ['1'], '5'],
    ['a line of few characters and many bytes', ['€€\n'], [], '5'],
  ])('with maxLineLength 5 get of %s what is right', (_what, pieces, lines, tooLong) => {
    expect(linesOf(pieces, 5)).toEqual({ lines, tooLong });
  });

  it('are not waited for by a line that is too long already: its pieces would fill the memory', () => {
    const splitter = new LineSplitter(
      () => {},
      5,
      () => new RangeError('too long'),
    );
    splitter.add(Buffer.from('1234'));
    splitter.add(Buffer.from('56'));
    expect(() => splitter.add(Buffer.from('7'))).toThrow(RangeError);
  });

  it('hold no line that is longer than maxLineLength, whatever the pieces', () => {
    const piece = fc.stringMatching(/^[ab\n\r]{0,9}$/);
    void fc.assert(
      fc.property(fc.array(piece), fc.integer({ min: 1, max: 8 }), (pieces, limit) => {
        const whole = linesOf([pieces.join('')], Number.POSITIVE_INFINITY).lines;
        const first = whole.findIndex((line) => line.length > limit);
        const expected =
          first < 0 ? { lines: whole, tooLong: undefined } : { lines: whole.slice(0, first), tooLong: `${limit}` };
        expect(linesOf(pieces, limit)).toEqual(expected);
      }),
    );
  });

  it.each(['stdout', 'stderr'] as const)(
    'end a command whose line on %s is longer than maxLineLength',
    async (stream) => {
      token = uniqueSleep();
      const lines: string[] = [];
      const script = `{ echo short; echo 'much longer' --password hunter2; } ${stream === 'stderr' ? '>&2' : ''}; exec sleep ${token}`;
      const error = await rejection(
        execute('sh', ['-c', script], {
          maxLineLength: 10,
          [stream === 'stdout' ? 'onStdoutLine' : 'onStderrLine']: (line: string) => lines.push(line),
        }),
      );
      expect(error).toBeInstanceOf(LineTooLongError);
      expect(error).toMatchObject({ code: 'ERR_LINE_TOO_LONG', name: 'LineTooLongError', stream, limit: 10 });
      expect((error as Error).message).toMatch(
        new RegExp(`^A line of ${stream} is longer than 10 bytes.*maxLineLength`),
      );
      expect((error as Error).message).not.toContain('hunter2');
      expect(lines).toEqual(['short']);
      await until(() => processesWith(token).length === 0);
    },
  );

  it.each([[0], [1.5], [Number.NaN], ['5']])('refuse %s as maxLineLength', async (maxLineLength) => {
    const error = await rejection(execute('true', [], { maxLineLength: maxLineLength as number }));
    expect(error).toMatchObject({ option: 'maxLineLength' });
  });
});
