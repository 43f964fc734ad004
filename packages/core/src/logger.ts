import { InvalidOptionError } from './errors.js';
import { processState } from './process-state.js';

/** The levels of messages. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** An object with these four methods: `console`, pino, winston, or your own. */
export type Logger = { readonly [level in LogLevel]: (message: string) => void };

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
const ignore = (): void => {};
const silent: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
const state = processState('core/logger', 1, (): { current: Logger } => ({ current: silent }));

/**
 * Sends the messages of all `@oslo-concurrency` packages in this process to `logger`; `undefined` silences them again.
 *
 * Silent by default. The logger must not throw. processutils masks its messages before it logs them.
 *
 * @param logger - The logger, or `undefined` for silence.
 * @throws InvalidOptionError if one of the four methods is missing.
 * @example
 * setLogger(console);
 */
export function setLogger(logger: Logger | undefined): void {
  if (logger !== undefined) checkLogger('logger', logger);
  state.current = logger ?? silent;
}

/** The logger set by {@link setLogger}, or one that does nothing. */
export function getLogger(): Logger {
  return state.current;
}

/** Whether a logger is set. Code that is costly to log asks first, so that it composes no message without a reader. */
export function hasLogger(): boolean {
  return state.current !== silent;
}

/**
 * Throws unless `value` has the four methods of a {@link Logger}.
 * @param option - The name of the option, for the message.
 * @param value - The value to check.
 */
export function checkLogger(option: string, value: unknown): asserts value is Logger {
  const candidate = value as Partial<Record<LogLevel, unknown>> | null;
  // A function may have the methods too.
  if (candidate === null || candidate === undefined || levels.some((l) => typeof candidate[l] !== 'function')) {
    throw new InvalidOptionError(option, 'an object with the methods debug, info, warn and error', value);
  }
}

/**
 * Throws unless `value` is one of the four levels.
 * @param option - The name of the option, for the message.
 * @param value - The value to check.
 */
export function checkLogLevel(option: string, value: unknown): asserts value is LogLevel {
  if (!levels.includes(value as LogLevel)) throw new InvalidOptionError(option, `one of ${levels.join(', ')}`, value);
}
