import { afterEach, expect, it, vi } from 'vitest';
import { checkLogLevel, getLogger, hasLogger, InvalidOptionError, type Logger, setLogger } from '../src/index.js';

const methods = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
afterEach(() => setLogger(undefined));

it('the default logger is silent', () => {
  const writes = (['stdout', 'stderr'] as const).map((name) => vi.spyOn(process[name], 'write'));
  for (const level of ['debug', 'info', 'warn', 'error'] as const) getLogger()[level]('a secret of nobody');
  for (const write of writes) {
    expect(write).not.toHaveBeenCalled();
    write.mockRestore();
  }
});

it('setLogger sends everything to the logger, until another call removes it', () => {
  const heard: string[] = [];
  setLogger({ ...methods, warn: (message) => heard.push(message) });
  getLogger().warn('one');
  setLogger(undefined);
  getLogger().warn('two');
  expect(heard).toEqual(['one']);
});

it('hasLogger reports whether a logger is set', () => {
  expect(hasLogger()).toBe(false);
  setLogger(methods);
  expect(hasLogger()).toBe(true);
  setLogger(undefined);
  expect(hasLogger()).toBe(false);
});

it.each([
  ['console', console],
  ['a function that carries the methods', Object.assign(() => {}, methods)],
  [
    'an instance whose class has them',
    new (class Log extends Object {
      debug(): void {}
      info(): void {}
      warn(): void {}
      error(): void {}
    })(),
  ],
])('setLogger accepts %s', (_, logger) => {
  setLogger(logger);
  expect(getLogger()).toBe(logger);
});

it.each([null, 5, 'console', {}, { ...methods, error: undefined }, () => {}])(
  'setLogger refuses %o and keeps the logger before',
  (wrong) => {
    setLogger(methods);
    const attempt = (): void => setLogger(wrong as unknown as Logger);
    expect(attempt).toThrow(InvalidOptionError);
    expect(attempt).toThrow('logger must be an object with the methods debug, info, warn and error; got ');
    expect(getLogger()).toBe(methods);
  },
);

it.each([undefined, 'trace', 'DEBUG', 10, 'toString'])('checkLogLevel refuses the level %o', (level) => {
  expect(() => checkLogLevel('level', level)).toThrow('level must be one of debug, info, warn, error; got ');
});
