import { type Attributes, type Span, SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { type CommandEvent, realTime } from '@oslo-concurrency/core';
import { buckets, errorType, known, messageOf, type Naming, type Signals } from './naming.js';

/** An attempt of a command while it runs. */
interface Running {
  readonly attributes: Attributes;
  readonly span: Span | undefined;
}

/**
 * Turns the events of commands into metrics and spans, by OpenTelemetry's conventions for programs that are called.
 * `forget` takes what has not ended out of the counts.
 */
export function observeCommands({ meter, tracer }: Signals, naming: Naming) {
  const duration = meter?.createHistogram('oslo_concurrency.command.duration', {
    description: 'How long one attempt of a command took',
    unit: 's',
    advice: { explicitBucketBoundaries: buckets },
  });
  const number = meter?.createUpDownCounter('oslo_concurrency.command.running', {
    description: 'Commands of this process that run',
    unit: '{command}',
  });
  const running = new Map<number, Running>();

  const begin = (event: CommandEvent, startTime?: number): Running => {
    const named = naming(event.program);
    const attributes = known({ 'process.executable.name': named });
    const span = tracer?.startSpan(named ?? 'command', {
      kind: SpanKind.CLIENT,
      attributes: known({
        ...attributes,
        'process.pid': event.pid,
        'process.command_line': event.command,
        'oslo_concurrency.command.attempt': event.attempt,
      }),
      ...(startTime === undefined ? {} : { startTime }),
    });
    return { attributes, span };
  };
  const end = ({ attributes, span }: Running, ms: number | undefined, how: Attributes, problem?: string): void => {
    duration?.record((ms ?? 0) / 1000, { ...attributes, ...how });
    span?.setAttributes(how);
    if (problem !== undefined) span?.setStatus({ code: SpanStatusCode.ERROR, message: problem });
    span?.end();
  };

  return {
    listeners: {
      start(event: CommandEvent): void {
        const one = begin(event);
        running.set(event.id, one);
        number?.add(1, one.attributes);
      },
      end(event: CommandEvent): void {
        const one = running.get(event.id);
        if (one === undefined) return;
        running.delete(event.id);
        number?.add(-1, one.attributes);
        const { exitCode, signal, failed, durationMs } = event;
        // As with HTTP, the status itself is the type of the error.
        const type = failed === 'exit' ? (signal ?? String(exitCode)) : failed;
        end(one, durationMs, known({ 'process.exit.code': exitCode, 'error.type': type }), problemOf(event));
      },
      fail(event: CommandEvent): void {
        const { durationMs = 0, detail } = event;
        const one = begin(event, realTime.date() - durationMs);
        end(one, durationMs, { 'error.type': errorType(detail) }, messageOf(detail));
      },
    },
    forget(): void {
      for (const { attributes } of running.values()) number?.add(-1, attributes);
      running.clear();
    },
  };
}

function problemOf({ failed, signal, exitCode }: CommandEvent): string | undefined {
  if (failed === undefined) return undefined;
  if (failed !== 'exit') return failed;
  return signal === undefined ? `exit code ${exitCode}` : signal;
}
