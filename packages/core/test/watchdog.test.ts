import { expect, it } from 'vitest';
import { type Clock, InvalidOptionError, type Logger, type WatchOptions, watch } from '../src/index.js';

/** A clock that stands until it is moved. */
class HandClock implements Clock {
  time = 1000;
  readonly timers = new Map<() => void, number>();
  now(): number {
    return this.time;
  }
  schedule(delay: number, action: () => void): () => void {
    this.timers.set(action, this.time + delay);
    return () => this.timers.delete(action);
  }
  advance(by: number): void {
    this.time += by;
    for (const [action, due] of this.timers) {
      if (due > this.time) continue;
      this.timers.delete(action);
      action();
    }
  }
}

function listener(): { logger: Logger; heard: string[] } {
  const heard: string[] = [];
  const at = (level: string) => (message: string) => void heard.push(`${level}: ${message}`);
  return { heard, logger: { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') } };
}

it('watch logs once, after the time given, and goes on', async () => {
  const clock = new HandClock();
  const { logger, heard } = listener();
  const work = deferred<string>();
  const watched = watch(logger, 'migrating', { level: 'warn', after: 2000, clock }, () => work.promise);
  clock.advance(1999);
  expect(heard).toEqual([]);
  clock.advance(1);
  clock.advance(100_000);
  expect(heard).toEqual(['warn: migrating not completed after 2.000s']);
  work.resolve('done');
  expect(await watched).toBe('done');
  expect(heard).toHaveLength(1);
});

it('watch calls onOverdue once, with the milliseconds that have passed', async () => {
  const clock = new HandClock();
  const told: number[] = [];
  const work = deferred<void>();
  const onOverdue = (elapsed: number): void => void told.push(elapsed);
  const watched = watch(listener().logger, 'slow', { after: 2000, clock, onOverdue }, () => work.promise);
  clock.advance(1999);
  expect(told).toEqual([]);
  clock.advance(501);
  clock.advance(100_000);
  expect(told).toEqual([2500]);
  work.resolve();
  await watched;
});

it('watch accepts the function alone, without options', async () => {
  const { logger, heard } = listener();
  expect(await watch(logger, 'quick', () => 7)).toBe(7);
  await expect(watch(logger, 'bad', () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  expect(heard).toEqual([]);
});

it('watch logs nothing when the work is done in time, and leaves no timer', async () => {
  const clock = new HandClock();
  const { logger, heard } = listener();
  expect(await watch(logger, 'quick', { clock }, () => 7)).toBe(7);
  expect(clock.timers.size).toBe(0);
  clock.advance(100_000);
  expect(heard).toEqual([]);
});

it('watch waits 5 s and logs at debug by default, as oslo does', () => {
  const clock = new HandClock();
  const { logger, heard } = listener();
  void watch(logger, 'slow', { clock }, () => new Promise(() => {}));
  clock.advance(4999.999);
  expect(heard).toEqual([]);
  clock.advance(0.001);
  expect(heard).toEqual(['debug: slow not completed after 5.000s']);
});

it.each([
  [
    'throws',
    () => {
      throw new Error('broken');
    },
  ],
  ['rejects', () => Promise.reject(new Error('broken'))],
])('watch passes on what the work %s, and leaves no timer', async (_, work) => {
  const clock = new HandClock();
  await expect(watch(listener().logger, 'bad', { clock }, work)).rejects.toThrow('broken');
  expect(clock.timers.size).toBe(0);
});

const wrong: [string, unknown[], string][] = [
  ['logger', [{}, 'a', {}, () => 1], 'logger must be an object with the methods debug, info, warn and error; got {}'],
  ['action', [console, 5, {}, () => 1], 'action must be a string; got 5'],
  ['options', [console, 'a', undefined, () => 1], 'options must be an object; got undefined'],
  ['level', [console, 'a', { level: 'loud' }, () => 1], "level must be one of debug, info, warn, error; got 'loud'"],
  ['after', [console, 'a', { after: -1 }, () => 1], 'after must be a number of milliseconds, 0 or more; got -1'],
  ['after', [console, 'a', { after: Number.NaN }, () => 1], 'got NaN'],
  ['after', [console, 'a', { after: '5s' }, () => 1], "got '5s'"],
  ['fn', [console, 'a', {}, 'work'], "fn must be a function; got 'work'"],
];
it.each(wrong)('watch refuses a wrong %s before the work starts', async (_, args, message) => {
  let started = false;
  const [logger, action, options, fn] = args as [Logger, string, WatchOptions, unknown];
  const start = (): void => {
    started = true;
  };
  const attempt = watch(logger, action, options, typeof fn === 'function' ? start : (fn as () => void));
  await expect(attempt).rejects.toThrow(InvalidOptionError);
  await expect(attempt).rejects.toThrow(message);
  expect(started).toBe(false);
});

it.each([[undefined], [{ after: 1 }], ['work']])(
  'watch refuses %o in place of the function, where there are no options',
  async (fn) => {
    await expect(watch(console, 'a', fn as unknown as () => void)).rejects.toThrow('fn must be a function; got');
  },
);

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
