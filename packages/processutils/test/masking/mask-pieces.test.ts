import { execute } from '@oslo-concurrency/processutils';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maskKeys } from '../../src/masking/mask-keys.js';
import { masker } from '../../src/masking/masker.js';
import { lineShapes } from '../../src/masking/password-shapes.js';
import { fixture } from '../support/processes.js';

const megabyte = 1024 * 1024;
const filler = (length: number): string =>
  'some words of no meaning,\n'.repeat(Math.ceil(length / 26)).slice(0, length);

describe('a long text that is masked in pieces', () => {
  it('is masked as in one piece, wherever a secret stands in it', () => {
    const hidden = [
      'password=Zq7x ',
      'token = "Zq7 several\nlines" ',
      "{'my password': 'Zq7 x'} ",
      '<sslkey>\nZq7\n</sslkey> ',
      'https://u:Zq7@h ',
      'password\n=\nZq7x\n',
      '--password\n\n Zq7x ',
      'secret --flag\n Zq7x ',
      'Zq7 a\nknown one ',
    ];
    const mask = masker(['Zq7 a\nknown one']);
    // The text is parted where its pieces meet, at multiples of 64 KiB; after a piece whose end a secret lies across, 2048 characters
    // before the end of the next one.
    const at = fc.oneof(
      fc.integer({ min: -4000, max: 400 }),
      fc.integer({ min: -30, max: 0 }),
      fc.integer({ min: -2078, max: -2048 }),
    );
    const place = fc.tuple(at, fc.constantFrom(...hidden), fc.boolean());
    void fc.assert(
      fc.property(fc.array(place, { minLength: 1, maxLength: 6 }), (places) => {
        let text = '';
        const piece = 64 * 1024;
        const fill = (distance: number): void => {
          text += filler(2 * piece + distance - (text.length % piece));
        };
        for (const [distance, what, across] of places) {
          fill(across ? -5 : distance);
          if (across) text += 'password=Zq7x '.concat(filler(piece + distance - 9));
          text += what;
        }
        text += filler(3000);
        const masked = mask(text);
        expect(masked.includes('Zq7')).toBe(false);
        expect(masked.replaceAll('***', '').length).toBeGreaterThan(text.length - places.length * 90);
      }),
      { numRuns: Number(process.env.FC_RUNS ?? (process.env.SOAK ? 2000 : 120)) },
    );
  });

  it.each([
    ['lines with a key each', 'password=Zq7x and more\n'],
    ['JSON without white space', '{"password":"Zq7x","user":"bob"},'],
    ['JSON in lines', '{"user": "it is", "password": "Zq7x"}\n'],
    ['XML', '<a><password>Zq7x</password></a>'],
  ])('comes out complete: %s', (_what, unit) => {
    const text = unit.repeat(Math.ceil((3 * megabyte) / unit.length));
    const masked = masker([])(text);
    const once = maskKeys(unit, '***', lineShapes);
    expect(masked.slice(0, 2 * megabyte)).toBe(once.repeat(megabyte).slice(0, 2 * megabyte));
    expect(masked).not.toContain('Zq7');
    // The pattern for quotes within values may take one value more, at the very end.
    expect(masked.length).toBeGreaterThan(once.length * (text.length / unit.length) - 2 * unit.length);
  });

  it.each([
    ['quotes', 'password = "', '"'],
    ['tags', '<password>', '</password>'],
  ])('shows nothing of a value of 20 MB in %s, and all that follows it', (_what, opening, closing) => {
    const mask = masker([]);
    const value = 'Zq7 line\n'.repeat(2_200_000);
    const masked = mask(`before ${opening}${value}${closing} after`);
    expect(masked).toBe(`before ${opening}***${closing} after`);
    expect(mask(`before ${opening}${value}`)).toBe(`before ${opening}***`);
  });

  it('shows nothing of a value that goes on from one part to the next', () => {
    const parts = [`password = "Zq7\n${filler(5000)}`, `${filler(5000)}Zq7\n${filler(5000)}`, '" after'];
    expect(masker([]).parts(parts)).toBe('password = "***" after');
  });

  it('comes out as it is when there is nothing to mask, with white space or without', () => {
    const mask = masker(['Zq7']);
    for (const text of [filler(3 * megabyte + 7), 'x'.repeat(3 * megabyte + 7)]) expect(mask(text) === text).toBe(true);
  });
});

describe('the error of a command that fails with tens of megabytes of output', () => {
  // All text is in the collector's heap. How much garbage it keeps beside is its own affair and hangs on the machine: up to
  // four times the output was seen. With a heap of one and a half times the
  // output it has to collect, and the program dies if both texts, the masked one and the other, are kept at once.
  it.each([
    ['no key', 'text'],
    ['a key in each line', 'keys'],
    ['JSON without white space', 'json'],
  ])('G24 needs at most 2.2 times the output: %s', async (_what, kind) => {
    const program = [fixture('fails-with-much-output.mjs'), '60', kind];
    const { stdout } = await execute(process.execPath, ['--max-old-space-size=90', ...program]);
    expect(JSON.parse(stdout)).toMatchObject({ exitCode: 3, masked: true });
  });
});
