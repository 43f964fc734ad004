import { resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { setFileValue } from '../../src/config/config.js';
import {
  type ConfigInput,
  configure,
  getLockPath,
  getOption,
  InvalidOptionError,
  listOpts,
  registerOption,
  setDefaults,
} from '../../src/index.js';

beforeEach(() => {
  vi.stubEnv('OSLO_LOCK_PATH', undefined);
  vi.stubEnv('OSLO_DISABLE_PROCESS_LOCKING', undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
  setDefaults({ lockPath: undefined, disableProcessLocking: undefined });
  setFileValue(() => undefined);
});

describe('the value of an option', () => {
  it('comes from code, else the environment, else a file, else the default set in code, else the built-in one', () => {
    expect(getOption('lockPath')).toBeUndefined();
    setDefaults({ lockPath: '/default' });
    expect(getOption('lockPath')).toBe('/default');
    setFileValue(({ name }) => (name === 'lockPath' ? '/file' : undefined));
    expect(getOption('lockPath')).toBe('/file');
    vi.stubEnv('OSLO_LOCK_PATH', '/environment');
    expect(getOption('lockPath')).toBe('/environment');
    const undo = configure({ lockPath: '/code' });
    expect(getOption('lockPath')).toBe('/code');
    undo();
    expect(getOption('lockPath')).toBe('/environment');
    vi.stubEnv('OSLO_LOCK_PATH', undefined);
    setFileValue(() => undefined);
    setDefaults({ lockPath: undefined });
    expect(getOption('lockPath')).toBeUndefined();
  });

  it('is false if code says so, whatever the environment says', () => {
    vi.stubEnv('OSLO_DISABLE_PROCESS_LOCKING', 'true');
    using _ = configure({ disableProcessLocking: false });
    expect(getOption('disableProcessLocking')).toBe(false);
  });

  it('does not come from an environment variable that is empty', () => {
    setDefaults({ lockPath: '/default' });
    vi.stubEnv('OSLO_LOCK_PATH', '');
    expect(getOption('lockPath')).toBe('/default');
  });

  it('follows a change of the environment at once', () => {
    vi.stubEnv('OSLO_LOCK_PATH', '/one');
    expect(getLockPath()).toBe('/one');
    vi.stubEnv('OSLO_LOCK_PATH', '/two');
    expect(getLockPath()).toBe('/two');
  });
});

describe('configure', () => {
  it('lets the newest override that is in force win, in whatever order they are undone', () => {
    const first = configure({ lockPath: '/1', disableProcessLocking: true });
    const second = configure({ lockPath: '/2' });
    const third = configure({ lockPath: '/3' });
    second();
    expect(getOption('lockPath')).toBe('/3');
    third();
    third();
    expect(getOption('lockPath')).toBe('/1');
    expect(getOption('disableProcessLocking')).toBe(true);
    first();
    expect(getOption('lockPath')).toBeUndefined();
    expect(getOption('disableProcessLocking')).toBe(false);
  });

  it('is undone at the end of a using block', () => {
    {
      using _ = configure({ lockPath: '/block' });
      expect(getLockPath()).toBe('/block');
    }
    expect(getLockPath()).toBeUndefined();
  });

  it('does not follow the object it was given', () => {
    const values: { lockPath: string } = { lockPath: '/before' };
    using _ = configure(values);
    values.lockPath = '/after';
    expect(getLockPath()).toBe('/before');
  });

  const path = 'lockPath must be a path that is not empty and has no NUL; got';
  const boolean = 'disableProcessLocking must be a boolean; got';
  it.each([
    [{ lockPath: '' }, `${path} '' (string)`],
    [{ lockPath: '/a\0b' }, `${path} '/a\\x00b' (string)`],
    [{ lockPath: 5 }, `${path} 5 (number)`],
    [{ lockPath: null }, `${path} null`],
    [{ lockPath: undefined }, `${path} undefined`],
    [{ lockPath: ['/a'] }, `${path} [ '/a' ] (object)`],
    [{ lockPath: Buffer.from('/a') }, `${path} <Buffer 2f 61> (object)`],
    [{ disableProcessLocking: 'true' }, `${boolean} 'true' (string)`],
    [{ disableProcessLocking: 1 }, `${boolean} 1 (number)`],
    [{ lock_path: '/a' }, "Unknown option 'lock_path'. Did you mean 'lockPath'?"],
    [null, 'values must be an object; got null'],
    ['/a', "values must be an object; got '/a' (string)"],
  ])('refuses %o, naming option, expectation and what came', (values, message) => {
    const attempt = (): unknown => configure(values as ConfigInput);
    expect(attempt).toThrow(InvalidOptionError);
    expect(attempt).toThrow(message);
  });

  it('changes nothing when one of several values is wrong', () => {
    expect(() => configure({ lockPath: '/good', disableProcessLocking: 'no' } as unknown as ConfigInput)).toThrow();
    expect(getLockPath()).toBeUndefined();
    const defaults = { lockPath: '/good', disableProcessLocking: 'no' } as unknown as ConfigInput;
    expect(() => setDefaults(defaults)).toThrow(InvalidOptionError);
    expect(() => setDefaults({ lockPath: '/good', unknown: undefined } as ConfigInput)).toThrow(InvalidOptionError);
    expect(getLockPath()).toBeUndefined();
  });
});

describe('the environment', () => {
  it.each(['true', 'True', '1', 'yes', 'ON'])('reads %s as true', (word) => {
    vi.stubEnv('OSLO_DISABLE_PROCESS_LOCKING', word);
    expect(getOption('disableProcessLocking')).toBe(true);
  });

  it.each(['false', '0', 'No', 'off'])('reads %s as false', (word) => {
    vi.stubEnv('OSLO_DISABLE_PROCESS_LOCKING', word);
    setDefaults({ disableProcessLocking: true });
    expect(getOption('disableProcessLocking')).toBe(false);
  });

  it('refuses any other word by the name of the variable, and does not fall back', () => {
    vi.stubEnv('OSLO_DISABLE_PROCESS_LOCKING', 'maybe');
    expect(() => getOption('disableProcessLocking')).toThrow(
      "OSLO_DISABLE_PROCESS_LOCKING must be a boolean; got 'maybe' (string)",
    );
  });
});

describe('getLockPath', () => {
  it('resolves a relative path against the working directory', () => {
    using _ = configure({ lockPath: 'locks' });
    expect(getLockPath()).toBe(resolve('locks'));
  });
});

describe('an option', () => {
  it('is listed with name, type, default, help and environment variable', () => {
    expect(listOpts()).toMatchObject([
      {
        group: 'oslo_concurrency',
        options: [
          { name: 'lockPath', type: 'string', default: undefined, env: 'OSLO_LOCK_PATH' },
          { name: 'disableProcessLocking', type: 'boolean', default: false, env: 'OSLO_DISABLE_PROCESS_LOCKING' },
        ],
      },
    ]);
    for (const { help } of listOpts()[0]?.options ?? []) expect(help).toMatch(/^[A-Z].*\.$/);
  });

  it('can be registered by another package, and keeps its first definition', () => {
    const definition = {
      name: 'testWorkers',
      type: 'number',
      default: 4,
      help: 'For this test.',
      env: 'OSLO_TEST_WORKERS',
      expected: 'a positive integer',
      accepts: (value: number) => Number.isInteger(value) && value > 0,
    } as const;
    registerOption(definition);
    registerOption({ ...definition, default: 9 });
    const read = (): unknown => getOption('testWorkers' as 'lockPath');
    expect(read()).toBe(4);
    vi.stubEnv('OSLO_TEST_WORKERS', '12');
    expect(read()).toBe(12);
    for (const wrong of ['0', '-1', '1.5', 'many', ' ']) {
      vi.stubEnv('OSLO_TEST_WORKERS', wrong);
      expect(read).toThrow(`OSLO_TEST_WORKERS must be a positive integer; got '${wrong}' (string)`);
    }
  });

  it('of type number refuses a variable of white space', () => {
    registerOption({
      name: 'testRetries',
      type: 'number',
      default: 4,
      help: 'For this test.',
      env: 'OSLO_TEST_RETRIES',
      expected: 'a number',
      accepts: (value: number) => value >= 0,
    });
    vi.stubEnv('OSLO_TEST_RETRIES', ' ');
    expect(() => getOption('testRetries' as 'lockPath')).toThrow(
      "OSLO_TEST_RETRIES must be a number; got ' ' (string)",
    );
  });

  it('that is not registered cannot be read', () => {
    expect(() => getOption('nobody' as 'lockPath')).toThrow(/^Unknown option 'nobody'. Known are lockPath, /);
  });
});
