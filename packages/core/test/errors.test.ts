import { inspect } from 'node:util';
import { runInNewContext } from 'node:vm';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { ConcurrencyError, InvalidOptionError, isConcurrencyError } from '../src/index.js';

class BrokenError extends ConcurrencyError {
  readonly code = 'ERR_BROKEN';
}

describe('ConcurrencyError', () => {
  it('carries code, cause and the name of its class', () => {
    const cause = new Error('disk');
    const error = new BrokenError('it broke', { cause });
    expect(error).toMatchObject({ code: 'ERR_BROKEN', name: 'BrokenError', message: 'it broke', cause });
    expect(error).toBeInstanceOf(Error);
    expect(inspect(error)).toMatch(/^BrokenError: it broke\n {4}at /);
  });

  it('shows no mark of its own in JSON or in its keys', () => {
    const error = new BrokenError('it broke');
    expect(Object.keys(error).sort()).toEqual(['code', 'name']);
    expect(JSON.parse(JSON.stringify(error))).toEqual({ code: 'ERR_BROKEN', name: 'BrokenError' });
  });
});

describe('InvalidOptionError', () => {
  it('is a TypeError that names option, expectation and what came', () => {
    const error = new InvalidOptionError('timeout', 'a number of milliseconds', '5s');
    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({
      name: 'InvalidOptionError',
      code: 'ERR_INVALID_OPTION',
      option: 'timeout',
      expected: 'a number of milliseconds',
      received: '5s',
      message: "timeout must be a number of milliseconds; got '5s' (string)",
    });
  });

  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    [Number.NaN, 'NaN (number)'],
    [-1n, '-1n (bigint)'],
    [Symbol('s'), 'Symbol(s) (symbol)'],
    [() => 1, '[Function (anonymous)] (function)'],
    [{ a: { b: { c: 1 } } }, '{ a: [Object] } (object)'],
    ['x'.repeat(1000), `'${'x'.repeat(80)}'... 920 more characters (string)`],
    [Object.create(null), '[Object: null prototype] {} (object)'],
  ])('describes %o on one line', (value, text) => {
    expect(new InvalidOptionError('x', 'y', value).message).toBe(`x must be y; got ${text}`);
  });
});

describe('isConcurrencyError', () => {
  it('knows errors of the packages, by code when one is given', () => {
    const error: unknown = new BrokenError('it broke');
    expect(isConcurrencyError(error)).toBe(true);
    expect(isConcurrencyError(error, 'ERR_BROKEN')).toBe(true);
    expect(isConcurrencyError(error, 'ERR_OTHER')).toBe(false);
    expect(isConcurrencyError(new InvalidOptionError('x', 'y', 1), 'ERR_INVALID_OPTION')).toBe(true);
    if (isConcurrencyError(error, 'ERR_BROKEN')) expectTypeOf(error.code).toEqualTypeOf<'ERR_BROKEN'>();
  });

  it.each([
    ['a plain error', new Error('x')],
    ['an error with the same code', Object.assign(new Error('x'), { code: 'ERR_BROKEN' })],
    ['an error of another realm', runInNewContext('new Error("x")')],
    ['null', null],
    ['undefined', undefined],
    ['a string', 'ERR_BROKEN'],
  ])('says no to %s', (_, value) => {
    expect(isConcurrencyError(value)).toBe(false);
    expect(isConcurrencyError(value, 'ERR_BROKEN')).toBe(false);
  });
});
