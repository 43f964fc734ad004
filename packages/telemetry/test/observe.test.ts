import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Attributes, context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  AggregationTemporality,
  type Histogram,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { commandChannels, lockChannels, setLogger } from '@oslo-concurrency/core';
import { lease, lock } from '@oslo-concurrency/lockutils';
import { lockfileLeaseDriver } from '@oslo-concurrency/lockutils/drivers';
import { execute } from '@oslo-concurrency/processutils';
import { type ObserveOptions, observe } from '@oslo-concurrency/telemetry';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

/** OpenTelemetry's SDK with its exporters to memory, and what they received. */
class Sdk {
  readonly #metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  readonly #reader = new PeriodicExportingMetricReader({ exporter: this.#metrics, exportIntervalMillis: 3_600_000 });
  readonly #meters = new MeterProvider({ readers: [this.#reader] });
  readonly #spans = new InMemorySpanExporter();
  readonly #tracers = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(this.#spans)] });
  readonly meter = this.#meters.getMeter('test');
  readonly tracer = this.#tracers.getTracer('test');

  /** The points of a metric: its attributes, without the namespace, and its value; for a histogram how often. */
  async points(name: string): Promise<[Attributes, number][]> {
    this.#metrics.reset();
    await this.#reader.forceFlush();
    const metrics = this.#metrics.getMetrics().flatMap((found) => found.scopeMetrics.flatMap((scope) => scope.metrics));
    const points = metrics.find(({ descriptor }) => descriptor.name === `oslo_concurrency.${name}`)?.dataPoints ?? [];
    return points.map(({ attributes, value }) => [
      short(attributes),
      typeof value === 'number' ? value : (value as Histogram).count,
    ]);
  }

  /** The sum of what a histogram recorded. */
  async sum(name: string): Promise<number> {
    this.#metrics.reset();
    await this.#reader.forceFlush();
    const metrics = this.#metrics.getMetrics().flatMap((found) => found.scopeMetrics.flatMap((scope) => scope.metrics));
    const points = metrics.find(({ descriptor }) => descriptor.name === `oslo_concurrency.${name}`)?.dataPoints ?? [];
    return points.reduce((sum, { value }) => sum + ((value as Histogram).sum ?? 0), 0);
  }

  spans(): [string, Attributes][] {
    return this.finished().map(({ name, attributes }) => [name, short(attributes)]);
  }

  finished(): readonly ReadableSpan[] {
    return this.#spans.getFinishedSpans();
  }

  async close(): Promise<void> {
    await Promise.all([this.#meters.shutdown(), this.#tracers.shutdown()]);
  }
}

function short(attributes: Attributes): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [name.replace(/^oslo_concurrency\.(lock|command)\./, ''), value]),
  );
}

let sdk: Sdk;
let stop = (): void => {};
let lockPath: string;
const begin = (options: ObserveOptions = {}): void => {
  stop = observe({ meter: sdk.meter, tracer: sdk.tracer, ...options });
};
beforeEach(() => {
  sdk = new Sdk();
  lockPath = mkdtempSync(join(tmpdir(), 'telemetry-test-'));
});
afterEach(async () => {
  stop();
  await sdk.close();
  rmSync(lockPath, { recursive: true, force: true });
});

const milliseconds = (span: ReadableSpan | undefined): number =>
  span === undefined ? Number.NaN : span.duration[0] * 1000 + span.duration[1] / 1e6;

describe('observe, of locks', () => {
  it('records wait and hold by name and kind, and writes a span of each hold and of each wait that was one', async () => {
    begin();
    await lock('a', () => {});
    const holder = await lock('b', { external: true, lockPath });
    let waiting = (): void => {};
    const waits = new Promise<void>((resolve) => {
      waiting = resolve;
    });
    const waiter = lock('b', { external: true, lockPath, onWait: waiting }, () => {});
    await waits;
    expect(await sdk.points('lock.waiters')).toEqual([[{ name: 'b', kind: 'external' }, 1]]);
    expect(await sdk.points('lock.held')).toEqual([
      [{ name: 'a', kind: 'internal' }, 0],
      [{ name: 'b', kind: 'external' }, 1],
    ]);
    await new Promise((resolve) => setTimeout(resolve, 30));
    await holder.release();
    await waiter;
    for (const name of ['lock.wait.duration', 'lock.hold.duration']) {
      expect(await sdk.points(name)).toEqual([
        [{ name: 'a', kind: 'internal' }, 1],
        [{ name: 'b', kind: 'external' }, 2],
      ]);
      // In seconds: the waiter waited and the holder held while the timer ran.
      expect(await sdk.sum(name)).toBeGreaterThanOrEqual(0.028);
      expect(await sdk.sum(name)).toBeLessThan(20);
    }
    expect((await sdk.points('lock.waiters')).map(([, value]) => value)).toEqual([0]);
    expect((await sdk.points('lock.held')).map(([, value]) => value)).toEqual([0, 0]);
    expect(sdk.spans().sort()).toEqual([
      ['lock.hold a', { name: 'a', kind: 'internal' }],
      ['lock.hold b', { name: 'b', kind: 'external' }],
      ['lock.hold b', { name: 'b', kind: 'external' }],
      ['lock.wait b', { name: 'b', kind: 'external' }],
    ]);
    expect(milliseconds(sdk.finished().find(({ name }) => name === 'lock.wait b'))).toBeGreaterThanOrEqual(28);
  });

  it('counts the takeover after a crash, and a deadlock, and records why a call failed', async () => {
    begin();
    const program = fileURLToPath(new URL('./fixtures/die-holding.mjs', import.meta.url));
    await once(spawn(process.execPath, [program, lockPath]), 'close');
    await lock('job', { external: true, lockPath }, async () => {
      await lock('job', { external: true, lockPath, blocking: false }).catch(() => {});
      await lock('job', { external: true, lockPath }).catch(() => {});
    });
    await lock('job', { external: true, lockPath }, () => {});
    const job = { name: 'job', kind: 'external' };
    expect(await sdk.points('lock.takeovers')).toEqual([[job, 1]]);
    expect(await sdk.points('lock.deadlocks')).toEqual([[job, 1]]);
    expect(await sdk.points('lock.wait.duration')).toEqual([
      [job, 2],
      [{ ...job, 'error.type': 'ERR_LOCK_NOT_ACQUIRED' }, 1],
      [{ ...job, 'error.type': 'ERR_DEADLOCK' }, 1],
    ]);
    expect((await sdk.points('lock.waiters')).map(([, value]) => value)).toEqual([0]);
    expect(sdk.spans()).toEqual([
      ['lock.wait job', { ...job, 'error.type': 'ERR_LOCK_NOT_ACQUIRED' }],
      ['lock.wait job', { ...job, 'error.type': 'ERR_DEADLOCK' }],
      ['lock.hold job', { ...job, previous_owner_died: true }],
      ['lock.hold job', job],
    ]);
    expect(sdk.finished()[1]?.status).toMatchObject({ code: 2, message: expect.stringContaining('job') });
  });

  it('counts a lost lease once, and ends its hold with the error', async () => {
    begin();
    const held = await lease('leader', { driver: lockfileLeaseDriver({ lockPath }), ttl: 60_000 });
    rmSync(lockPath, { recursive: true, force: true });
    await held.renew().catch(() => {});
    await held.release().catch(() => {});
    const leader = { name: 'leader', kind: 'lease' };
    expect(await sdk.points('lock.lost')).toEqual([[leader, 1]]);
    expect(await sdk.points('lock.held')).toEqual([[leader, 0]]);
    expect(await sdk.points('lock.hold.duration')).toEqual([[{ ...leader, 'error.type': 'ERR_LEASE_LOST' }, 1]]);
    expect(sdk.spans()).toEqual([['lock.hold leader', { ...leader, 'error.type': 'ERR_LEASE_LOST' }]]);
  });

  it('calls a lock what lockName says, and does not fail with it', async () => {
    const lines: string[] = [];
    const log = (line: string): unknown => lines.push(line);
    setLogger({ debug: () => {}, info: log, warn: log, error: log });
    try {
      const lockName = (name: string): string | undefined => {
        if (name === 'bad') throw new Error('mine');
        return name === 'none' ? undefined : name.replace(/\d+/, '*');
      };
      begin({ lockName });
      for (const name of ['user-1', 'user-2', 'none', 'bad', 'bad']) await lock(name, () => {});
    } finally {
      setLogger(undefined);
    }
    expect((await sdk.points('lock.hold.duration')).map(([{ name }, count]) => [name, count])).toEqual([
      ['user-*', 2],
      [undefined, 1],
      ['_OTHER', 2],
    ]);
    expect(sdk.spans().map(([name]) => name)).toEqual([
      ...['lock.hold user-*', 'lock.hold user-*', 'lock.hold', 'lock.hold _OTHER', 'lock.hold _OTHER'],
    ]);
    expect(lines).toEqual(['lockName of observe() failed: Error: mine']);
  });

  it('makes the spans of a call children of the span that the caller is in', async () => {
    begin();
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    try {
      const holder = await lock('x', {});
      const parent = sdk.tracer.startSpan('request');
      const waiter = context.with(trace.setSpan(context.active(), parent), () => lock('x', () => {}));
      await holder.release();
      await waiter;
      parent.end();
      const ofWaiter = sdk.finished().filter(({ parentSpanContext }) => parentSpanContext !== undefined);
      expect(ofWaiter.map(({ name }) => name)).toEqual(['lock.wait x', 'lock.hold x']);
      for (const span of ofWaiter) expect(span.parentSpanContext?.spanId).toBe(parent.spanContext().spanId);
    } finally {
      context.disable();
    }
  });
});

describe('observe, of commands', () => {
  it('records the duration by program and outcome, by the conventions for processes', async () => {
    begin();
    await execute('sh', ['-c', 'exit 3', 'token', '--password', 'x'], { checkExitCode: 3 });
    await execute('false').catch(() => {});
    await execute('sh', ['-c', 'kill -9 $$']).catch(() => {});
    await execute('sleep', ['60'], { timeout: 50, killSignal: 'SIGKILL' }).catch(() => {});
    await execute('/nowhere/none').catch(() => {});
    const named = (name: string): Attributes => ({ 'process.executable.name': name });
    const failed = (type: string): Attributes => ({ 'error.type': type });
    const expected: Attributes[] = [
      { ...named('sh'), 'process.exit.code': 3 },
      { ...named('false'), 'process.exit.code': 1, ...failed('1') },
      { ...named('sh'), ...failed('SIGKILL') },
      { ...named('sleep'), ...failed('timeout') },
      { ...named('none'), ...failed('ENOENT') },
    ];
    expect(await sdk.points('command.duration')).toEqual(expected.map((attributes) => [attributes, 1]));
    expect((await sdk.points('command.running')).map(([, value]) => value)).toEqual([0, 0, 0]);
    const spans = sdk.finished();
    expect(spans.map(({ name, kind, status }) => [name, kind, status.code, status.message])).toEqual([
      ['sh', 2, 0, undefined],
      ['false', 2, 2, 'exit code 1'],
      ['sh', 2, 2, 'SIGKILL'],
      ['sleep', 2, 2, 'timeout'],
      ['none', 2, 2, expect.stringContaining('/nowhere/none')],
    ]);
    expect(spans[0]?.attributes).toMatchObject({
      ...expected[0],
      'process.pid': expect.any(Number),
      'process.command_line': 'sh -c exit 3 token --password ***',
    });
  });

  it('calls a program what programName says', async () => {
    begin({ programName: () => undefined });
    await execute('true');
    expect(await sdk.points('command.duration')).toEqual([[{ 'process.exit.code': 0 }, 1]]);
    expect(sdk.spans().map(([name]) => name)).toEqual(['command']);
  });
});

describe('the function that observe returns', () => {
  it('ends it: nothing has a subscriber any more, and the counts of what is held and runs are 0', async () => {
    const all = [...Object.values(lockChannels), ...Object.values(commandChannels)];
    const heard = (): boolean => all.some(({ hasSubscribers }) => hasSubscribers);
    expect(heard(), 'importing it subscribes to nothing').toBe(false);
    begin();
    expect(heard()).toBe(true);
    const held = await lock('x', {});
    const waiter = lock('x', () => {});
    const abort = new AbortController();
    let started = (): void => {};
    const running = new Promise<void>((resolve) => {
      started = resolve;
    });
    const settings = { signal: abort.signal, killSignal: 'SIGKILL', onExecute: () => started() } as const;
    const command = execute('sleep', ['60'], settings).catch(() => {});
    await running;
    expect((await sdk.points('command.running')).map(([, value]) => value)).toEqual([1]);
    stop();
    stop();
    expect(heard()).toBe(false);
    expect((await sdk.points('lock.held')).map(([, value]) => value)).toEqual([0]);
    expect((await sdk.points('lock.waiters')).map(([, value]) => value)).toEqual([0]);
    expect((await sdk.points('command.running')).map(([, value]) => value)).toEqual([0]);
    abort.abort();
    await Promise.all([held.release(), waiter, command]);
    expect(sdk.spans()).toEqual([]);
  });

  it('ends one of two observations without the other', async () => {
    begin({ tracer: false });
    observe({ meter: false, tracer: sdk.tracer })();
    await lock('x', () => {});
    expect(await sdk.points('lock.hold.duration')).toHaveLength(1);
    expect(sdk.spans()).toEqual([]);
  });
});

it('observe counts nothing of what began before it', async () => {
  const held = await lock('x', {});
  const waiter = lock('x', () => {});
  begin();
  await held.release();
  await waiter;
  expect(await sdk.points('lock.held')).toEqual([]);
  expect(await sdk.points('lock.hold.duration')).toEqual([]);
});

it.each([
  ['meters', { meters: true }],
  ['meter', { meter: {} }],
  ['tracer', { tracer: true }],
  ['lockName', { lockName: 'x' }],
  ['programName', { programName: 1 }],
])('observe refuses misuse of %s before it subscribes', (_, options) => {
  expect(() => observe(options as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
  expect(lockChannels.grant.hasSubscribers).toBe(false);
});
