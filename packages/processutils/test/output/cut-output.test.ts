import { PassThrough } from 'node:stream';
import { execute, ProcessAbortedError, type ProcessExecutionError } from '@oslo-concurrency/processutils';
import { describe, expect, it } from 'vitest';
import { masker } from '../../src/masking/masker.js';
import { openValue, withoutOpenStart } from '../../src/masking/open-value.js';
import { captureOutput } from '../../src/output/capture-output.js';
import type { OutputCapture } from '../../src/output/output-capture.js';
import { decodeText } from '../../src/output/text-decoding.js';

const failure = (promise: Promise<unknown>): Promise<ProcessExecutionError> =>
  promise.then(
    () => expect.fail('it was to fail'),
    (error) => error as ProcessExecutionError,
  );

// Each begins a value of a key and gives the characters that end it.
const openings: readonly (readonly [string, string])[] = [
  ['password = "', '"'],
  ["password='", "'"],
  ['password "', '"'],
  ['{"token": "', '"}'],
  ["{'my_token' : u'", "'}"],
  ["['--password', '--flag', '", "']"],
  ['<adminPass>', '</adminPass>'],
  ['chapsecret1="', '"'],
];

describe('a value of a key', () => {
  it.each(openings)('that begins with %s and has no end yet is known as open', (opening, closing) => {
    expect(openValue(`text 'x' "y"\n${opening}`)).toEqual({ from: 13 + opening.length, closedBy: closing.charAt(0) });
    expect(openValue(`${opening}several\nlines`)?.from).toBe(opening.length);
    expect(openValue(`${opening}closed${closing}`)).toBeUndefined();
    expect(openValue(`${opening}${closing}`)).toBeUndefined();
  });

  it('with a quote of the other kind in it is open nevertheless', () => {
    expect(openValue('password="it\'s not over')).toEqual({ from: 10, closedBy: '"' });
    expect(openValue('password=\'so "called')).toEqual({ from: 10, closedBy: "'" });
  });

  it('whose closing tag was cut is open', () => {
    expect(openValue('<password>hunter2</passw')).toEqual({ from: 10, closedBy: '<' });
  });

  it.each(['', '"', "it's", '"password"', 'user = "bob', '<b>x', 'password', 'password = ', '<passwor', 'a < b > c'])(
    'is not what %s holds',
    (text) => expect(openValue(text)).toBeUndefined(),
  );
});

describe('what follows a cut', () => {
  it.each([
    ['line 9"} done', undefined, '"} done'],
    ["line 9' done", undefined, "' done"],
    ['line 9" "x" done', undefined, '" "x" done'],
    ['line 9\n"\n', undefined, '"\n'],
    ['line 9</password> done', undefined, '</password> done'],
    ['line 9"', undefined, '"'],
    ['a "quoted word" and another', undefined, 'a "quoted word" and another'],
    ["can't say it's done", undefined, "can't say it's done"],
    ['x = "y"\n', undefined, 'x = "y"\n'],
    ['<b>bold</b>', undefined, '<b>bold</b>'],
    ['no quote at all', undefined, 'no quote at all'],
    ['no quote at all', '"', ''],
    ['it\'s 9" done', '"', '" done'],
    ['a <b> c', '<', '<b> c'],
  ] as const)('is shown of %j, after an open value closed by %j, as %j', (text, closedBy, expected) => {
    expect(withoutOpenStart(text, closedBy && { from: 0, closedBy })).toBe(expected);
  });
});

describe('output that is cut', () => {
  /** The error of a command that is ended when it has written something. */
  const endedWithin = (script: string, argument: string, secrets: readonly string[] = []) => {
    const abort = new AbortController();
    const stdout = new PassThrough().once('data', () => abort.abort());
    const options = { signal: abort.signal, stdout, secrets, killGrace: 50 };
    return failure(execute('sh', ['-c', `${script}; exec sleep 60`, argument], options));
  };

  it.each(openings)('by an abort within a value that began with %s does not show it', async (opening) => {
    const error = await endedWithin('printf "begun %s" "$0"', `${opening}Zq7 first\nZq7 second`);
    expect(error).toBeInstanceOf(ProcessAbortedError);
    expect(error.stdout).toBe(`begun ${opening}***`);
    expect(error.message).not.toContain('Zq7');
  });

  it('by an abort within a secret does not show its beginning', async () => {
    const error = await endedWithin('printf "begun %s%s" Zq7 "$0"', 'hun', ['Zq7hunter2', 'other']);
    expect(error.stdout).toBe('begun ***');
  });

  it.each(openings)('by maxBuffer within a value that began with %s shows nothing of it', (opening, closing) => {
    const lines = Array.from({ length: 60 }, (_unused, index) => `Zq7 ${index}`).join('\n');
    const text = `first\n${opening}${lines}${closing}\nlast\n`;
    for (const binary of [false, true]) {
      for (let limit = 0; limit < text.length; limit += 7) {
        const capture = captureOutput(limit, binary);
        capture.add(Buffer.from(text));
        const shown = capture.shown(masker([]));
        expect(shown).toContain(`[truncated: ${text.length - limit} bytes left out]`);
        expect(shown).not.toContain('Zq7');
      }
    }
  });

  it('by maxBuffer still shows lines with quotes that were cut nowhere', () => {
    const capture = captureOutput(120, false);
    const line = `it's "quoted" and (said 'so')\n`;
    capture.add(Buffer.from(line.repeat(50)));
    expect(capture.shown(masker([]))).toBe(
      `${line.repeat(2)}\n[truncated: ${50 * line.length - 120} bytes left out]\n\n${line}`,
    );
  });
});

describe('output that is kept whole as bytes', () => {
  it.each([
    ['in pieces of one byte', [1], 3000],
    ['in pieces of all sizes', [1, 65_536, 7, 100_000, 0, 4096], 12_000_000],
    ['in one piece', [20_000_000], 20_000_000],
    ['not at all', [1], 0],
  ])('is the same as bytes and as text that is shown, though it came %s', (_what, sizes, total) => {
    const whole = Buffer.from('aä€😀\n'.repeat(Math.ceil(total / 11))).subarray(0, total);
    const filled = (): OutputCapture => {
      const capture = captureOutput(Number.POSITIVE_INFINITY, true);
      for (let at = 0, next = 0; at < total; next += 1) {
        const size = sizes[next % sizes.length] ?? 1;
        capture.add(whole.subarray(at, at + size));
        at += size;
      }
      return capture;
    };
    expect(Buffer.from(filled().bytes()).equals(whole)).toBe(true);
    expect(filled().shown(masker([])) === decodeText(whole)).toBe(true);
    expect(filled().text() === decodeText(whole)).toBe(true);
  });

  it('is a copy: a piece that is written to later changes nothing', () => {
    const capture = captureOutput(Number.POSITIVE_INFINITY, true);
    const piece = Buffer.from('before');
    capture.add(piece);
    piece.fill('x');
    expect(Buffer.from(capture.bytes()).toString()).toBe('before');
  });
});

it('G24 a secret of several lines that the cut goes through is not shown behind the cut', () => {
  const capture = captureOutput(400, false);
  const secret = 'Zq7 first line\nZq7 second line';
  // The tail, of 200 bytes, begins in the first line of the secret.
  const rest = `\n${'a line that may be shown\n'.repeat(10)}`;
  const after = rest.slice(0, 200 - (secret.length - 6));
  capture.add(Buffer.from(`${'a line before\n'.repeat(40)}${secret}${after}`));
  const shown = capture.shown(masker([secret]));
  expect(shown).toContain('a line that may be shown');
  expect(shown).not.toContain('Zq7');
});
