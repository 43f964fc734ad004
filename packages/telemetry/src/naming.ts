import type { Attributes, Meter, Tracer } from '@opentelemetry/api';
import { getLogger } from '@oslo-concurrency/core';

/** Where the telemetry goes. */
export interface Signals {
  readonly meter: Meter | undefined;
  readonly tracer: Tracer | undefined;
}

/** The name of a lock or program in the telemetry. */
export type Naming = (name: string) => string | undefined;

/** OpenTelemetry's word for a value that is not told apart. */
const other = '_OTHER';

/**
 * The user's function, made safe: what a subscriber of a channel throws would end the process. If the function throws, the
 * log reports it once, and the name is `_OTHER`.
 */
export function namedBy(option: string, given: Naming | undefined): Naming {
  if (given === undefined) return (name) => name;
  let reported = false;
  return (name) => {
    try {
      const named: unknown = given(name);
      return named === undefined ? undefined : String(named);
    } catch (error) {
      if (!reported) getLogger().error(`${option} of observe() failed: ${String(error)}`);
      reported = true;
      return other;
    }
  };
}

/**
 * The value of the attribute `error.type`: the `code` of an error, which of a command that could not be started is the
 * system's; otherwise the name of its class.
 */
export function errorType(error: unknown): string {
  const { code, name, cause } = (error ?? {}) as { code?: unknown; name?: unknown; cause?: { code?: unknown } };
  if (code === 'ERR_PROCESS_EXECUTION' && typeof cause?.code === 'string') return cause.code;
  if (typeof code === 'string') return code;
  return typeof name === 'string' && name !== '' ? name : other;
}

/** The attributes without those that are undefined. */
export function known(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}

/** The boundaries of the histograms, in seconds: from a tenth of a millisecond to an hour. */
export const buckets = [0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600];

/** The text of an error for the status of a span. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
