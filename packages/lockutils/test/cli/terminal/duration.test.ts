import { expect, it } from 'vitest';
import { formatDuration, parseDuration } from '../../../build/cli/terminal/duration.js';

it('a duration of an option is a number of seconds, or a number with a unit', () => {
  const cases = { '5': 5000, '0': 0, '.5': 500, '1.5s': 1500, '500ms': 500, '2m': 120_000, '2min': 120_000 };
  for (const [text, milliseconds] of Object.entries(cases)) expect(parseDuration(text)).toBe(milliseconds);
  expect([parseDuration('3h'), parseDuration('7d'), parseDuration('1 W')]).toEqual([
    10_800_000, 604_800_000, 604_800_000,
  ]);
});

it.each(['', '-1', 'soon', '1y', '1h30m', '1e3', 'Infinity', '5 5'])('a duration of an option cannot be %j', (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

it('writes the two largest units', () => {
  const cases = { 0: '0 s', 999: '0 s', 12345: '12 s', 60000: '1 min', 185000: '3 min 5 s', 7440000: '2 h 4 min' };
  for (const [milliseconds, text] of Object.entries(cases)) expect(formatDuration(Number(milliseconds))).toBe(text);
  expect(formatDuration(86_400_000 * 3 + 3_600_000 * 4 + 60_000)).toBe('3 d 4 h');
  expect(formatDuration(86_400_000 + 60_000)).toBe('1 d');
});
