import { type Meter, metrics, type Tracer, trace } from '@opentelemetry/api';
import { checkOptionNames, commandChannels, InvalidOptionError, lockChannels } from '@oslo-concurrency/core';
import { observeCommands } from './commands.js';
import { observeLocks } from './locks.js';
import { namedBy } from './naming.js';

/** Options of {@link observe}. */
export interface ObserveOptions {
  /**
   * The destination of the metrics; `false` for none.
   * @defaultValue a meter of the global provider of `@opentelemetry/api`
   */
  readonly meter?: Meter | false;
  /**
   * The destination of the spans; `false` for none.
   * @defaultValue a tracer of the global provider of `@opentelemetry/api`
   */
  readonly tracer?: Tracer | false;
  /**
   * What the metrics and spans call a lock or lease. Each result is a time series of its own, so give names that contain
   * an id one common result: `(name) => name.replace(/\d+/g, '*')`. `undefined` leaves the name out.
   * @defaultValue its name
   */
  readonly lockName?: (name: string) => string | undefined;
  /**
   * What the metrics and spans call a program. `undefined` leaves it out.
   * @defaultValue its file name
   */
  readonly programName?: (program: string) => string | undefined;
}

const optionNames: ReadonlySet<string> = new Set<keyof ObserveOptions>(['meter', 'tracer', 'lockName', 'programName']);
const scope = '@oslo-concurrency/telemetry';

/**
 * Reports the locks, leases and commands of this thread to OpenTelemetry, until the function that it returns is called.
 *
 * It subscribes to the diagnostics channels of core. Call it once, when your SDK is set up and before the first lock. A
 * worker thread has channels of its own: call it there too. Locks and commands that began before are not reported.
 *
 * Promises: no lock and no command fails or waits because of it. When it has stopped, the counts of waiters, holders and
 * running commands are 0. A span that has not ended by then is never exported.
 *
 * Does not promise to see other processes: each one counts its own waiters and holders. oslo.concurrency has no counterpart.
 *
 * @throws InvalidOptionError
 * @example
 * const stop = observe({ lockName: (name) => name.replace(/\d+/g, '*') });
 */
export function observe(options: ObserveOptions = {}): () => void {
  checkOptionNames(options, optionNames);
  checkHas('meter', options.meter, 'createHistogram', 'a Meter of OpenTelemetry, or false');
  checkHas('tracer', options.tracer, 'startSpan', 'a Tracer of OpenTelemetry, or false');
  for (const name of ['lockName', 'programName'] as const) {
    const value: unknown = options[name];
    if (value !== undefined && typeof value !== 'function') throw new InvalidOptionError(name, 'a function', value);
  }
  const { meter = metrics.getMeter(scope), tracer = trace.getTracer(scope) } = options;
  const signals = { meter: meter || undefined, tracer: tracer || undefined };
  const locks = observeLocks(signals, namedBy('lockName', options.lockName));
  const commands = observeCommands(signals, namedBy('programName', options.programName));
  const subscribed = [...subscribe(lockChannels, locks.listeners), ...subscribe(commandChannels, commands.listeners)];
  return () => {
    for (const unsubscribe of subscribed.splice(0)) unsubscribe();
    locks.forget();
    commands.forget();
  };
}

function checkHas(option: 'meter' | 'tracer', value: unknown, method: string, expected: string): void {
  if (value === undefined || value === false) return;
  if (typeof (value as Record<string, unknown> | null)?.[method] === 'function') return;
  throw new InvalidOptionError(option, expected, value);
}

type Channels<Name extends string> = {
  readonly [name in Name]: { subscribe(listener: Listener): void; unsubscribe(listener: Listener): unknown };
};
type Listener = (message: unknown) => void;

function subscribe<Name extends string, Event>(
  channels: Channels<Name>,
  listeners: { readonly [name in Name]?: (event: Event) => void },
): (() => void)[] {
  return (Object.entries(listeners) as [Name, (event: Event) => void][]).map(([name, listen]) => {
    const listener: Listener = (message) => listen(message as Event);
    channels[name].subscribe(listener);
    return () => channels[name].unsubscribe(listener);
  });
}
