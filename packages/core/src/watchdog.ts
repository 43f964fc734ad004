import { type Clock, systemClock } from './clock.js';
import { InvalidOptionError } from './errors.js';
import { checkLogger, checkLogLevel, type Logger, type LogLevel } from './logger.js';

/** Options of {@link watch}. */
export interface WatchOptions {
  /**
   * The level of the message.
   * @defaultValue `debug`
   */
  readonly level?: LogLevel;
  /**
   * The time until the message, in milliseconds.
   * @defaultValue `5000`
   */
  readonly after?: number;
  /**
   * Called once, with the message; receives the elapsed milliseconds.
   * @defaultValue none
   */
  readonly onOverdue?: (elapsed: number) => void;
  /**
   * The clock, for tests.
   * @defaultValue `systemClock`
   */
  readonly clock?: Clock;
}

/**
 * Runs `fn`, and logs one message, `"<action> not completed after 5.000s"`, if `fn` has not ended `after` ms later.
 *
 * Resolves and rejects as `fn` does, and does not stop `fn`. It always clears its timer. It cannot report a function that
 * blocks the event loop while that function blocks it.
 *
 * oslo's counterpart: `watchdog.watch`.
 * @param logger - Receives the message.
 * @param action - What `fn` does, for the message.
 * @param fn - The function to run.
 * @throws InvalidOptionError for a wrong logger, level or time, before `fn` is called.
 * @example
 * await watch(console, 'migrating the database', () => migrate());
 * await watch(console, 'migrating the database', { level: 'warn', after: 60_000 }, () => migrate());
 */
export function watch<T>(logger: Logger, action: string, fn: () => T | PromiseLike<T>): Promise<T>;
/** As above, with options. */
export function watch<T>(
  logger: Logger,
  action: string,
  options: WatchOptions,
  fn: () => T | PromiseLike<T>,
): Promise<T>;
export async function watch<T>(
  logger: Logger,
  action: string,
  ...rest: [fn: () => T | PromiseLike<T>] | [options: WatchOptions, fn: () => T | PromiseLike<T>]
): Promise<T> {
  checkLogger('logger', logger);
  if (typeof action !== 'string') throw new InvalidOptionError('action', 'a string', action);
  const fn = rest.at(-1) as () => T | PromiseLike<T>;
  const options = (rest.length < 2 ? {} : rest[0]) as WatchOptions;
  if (typeof options !== 'object' || options === null) throw new InvalidOptionError('options', 'an object', options);
  const { level = 'debug', after = 5000, clock = systemClock } = options;
  checkLogLevel('level', level);
  if (typeof after !== 'number' || !(after >= 0)) {
    throw new InvalidOptionError('after', 'a number of milliseconds, 0 or more', after);
  }
  if (typeof fn !== 'function') throw new InvalidOptionError('fn', 'a function', fn);
  const start = clock.now();
  const cancel = clock.schedule(after, () => {
    const elapsed = clock.now() - start;
    logger[level](`${action} not completed after ${(elapsed / 1000).toFixed(3)}s`);
    options.onOverdue?.(elapsed);
  });
  try {
    return await fn();
  } finally {
    cancel();
  }
}
