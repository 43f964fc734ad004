import { type Attributes, type Span, SpanStatusCode } from '@opentelemetry/api';
import { isConcurrencyError, type LockEvent, realTime } from '@oslo-concurrency/core';
import { lockMetrics } from './lock-metrics.js';
import { errorType, known, messageOf, type Naming, type Signals } from './naming.js';

/** A call from its `acquire` to its end. */
interface Call {
  readonly named: string | undefined;
  readonly attributes: Attributes;
  /** Milliseconds since 1970. */
  readonly asked: number;
  waits: boolean;
  /** When it was granted, by the monotonic clock. */
  granted: number | undefined;
  /** The span of the wait, then that of the hold. */
  span: Span | undefined;
}

/** Turns the events of locks and leases into metrics and spans. `forget` takes what has not ended out of the counts. */
export function observeLocks({ meter, tracer }: Signals, naming: Naming) {
  const metrics = meter && lockMetrics(meter);
  const calls = new Map<number, Call>();

  const begin = ({ id, name, external, lease }: LockEvent): Call => {
    const named = naming(name);
    const kind = lease === true ? 'lease' : external ? 'external' : 'internal';
    const call: Call = {
      named,
      attributes: known({ 'oslo_concurrency.lock.name': named, 'oslo_concurrency.lock.kind': kind }),
      asked: realTime.date(),
      waits: false,
      granted: undefined,
      span: undefined,
    };
    calls.set(id, call);
    return call;
  };
  // Each event comes from within the call, so the active span is the caller's.
  const spanOf = (what: 'wait' | 'hold', { named, attributes, asked }: Call): Span | undefined =>
    tracer?.startSpan(named === undefined ? `lock.${what}` : `lock.${what} ${named}`, {
      attributes,
      ...(what === 'wait' ? { startTime: asked } : {}),
    });
  const endWait = (call: Call): void => {
    if (call.waits) metrics?.waiters(-1, call.attributes);
    call.waits = false;
  };
  const endHold = (id: number, call: Call): void => {
    if (call.granted !== undefined) metrics?.holders(-1, call.attributes);
    calls.delete(id);
  };
  const heldSeconds = (call: Call, heldMs: number | undefined): number =>
    (heldMs ?? realTime.now() - (call.granted ?? realTime.now())) / 1000;
  const failed = (span: Span | undefined, error: unknown): void => {
    span?.setAttribute('error.type', errorType(error));
    span?.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error) });
    span?.end();
  };

  return {
    listeners: {
      acquire(event: LockEvent): void {
        begin(event);
      },
      wait({ id }: LockEvent): void {
        const call = calls.get(id);
        if (call === undefined || call.waits) return;
        call.waits = true;
        call.span = spanOf('wait', call);
        metrics?.waiters(1, call.attributes);
      },
      grant(event: LockEvent): void {
        const call = calls.get(event.id);
        if (call === undefined) return;
        endWait(call);
        call.span?.end();
        call.granted = realTime.now();
        call.span = spanOf('hold', call);
        metrics?.waited((event.waitedMs ?? 0) / 1000, call.attributes);
        metrics?.holders(1, call.attributes);
        if (event.previousOwnerDied !== true) return;
        metrics?.tookOver(call.attributes);
        call.span?.setAttribute('oslo_concurrency.lock.previous_owner_died', true);
      },
      fail({ id, waitedMs, detail }: LockEvent): void {
        const call = calls.get(id);
        if (call === undefined) return;
        endWait(call);
        calls.delete(id);
        metrics?.waited((waitedMs ?? 0) / 1000, { ...call.attributes, 'error.type': errorType(detail) });
        if (isConcurrencyError(detail, 'ERR_DEADLOCK')) metrics?.deadlock(call.attributes);
        failed(call.span ?? spanOf('wait', call), detail);
      },
      release({ id, heldMs }: LockEvent): void {
        const call = calls.get(id);
        if (call === undefined) return;
        endHold(id, call);
        metrics?.held(heldSeconds(call, heldMs), call.attributes);
        call.span?.end();
      },
      // A `release` may follow: what was lost is counted no second time.
      lost({ id, heldMs, detail }: LockEvent): void {
        const call = calls.get(id);
        if (call === undefined) return;
        endHold(id, call);
        metrics?.lost(call.attributes);
        metrics?.held(heldSeconds(call, heldMs), { ...call.attributes, 'error.type': errorType(detail) });
        failed(call.span, detail);
      },
    },
    forget(): void {
      for (const [id, call] of calls) {
        endWait(call);
        endHold(id, call);
      }
    },
  };
}
