import type { Attributes, Meter } from '@opentelemetry/api';
import { buckets } from './naming.js';

/** The instruments of locks and leases. */
export interface LockMetrics {
  waited(seconds: number, attributes: Attributes): void;
  held(seconds: number, attributes: Attributes): void;
  /** Changes the number of calls that wait. */
  waiters(change: 1 | -1, attributes: Attributes): void;
  /** Changes the number of locks that are held. */
  holders(change: 1 | -1, attributes: Attributes): void;
  tookOver(attributes: Attributes): void;
  lost(attributes: Attributes): void;
  deadlock(attributes: Attributes): void;
}

/** Creates the instruments. OpenTelemetry has no conventions for locks, so the names begin with ours. */
export function lockMetrics(meter: Meter): LockMetrics {
  const advice = { explicitBucketBoundaries: buckets };
  const seconds = (name: string, description: string) =>
    meter.createHistogram(`oslo_concurrency.lock.${name}`, { description, unit: 's', advice });
  const number = (name: string, description: string, unit: string) =>
    meter.createUpDownCounter(`oslo_concurrency.lock.${name}`, { description, unit });
  const count = (name: string, description: string, unit: string) =>
    meter.createCounter(`oslo_concurrency.lock.${name}`, { description, unit });

  const wait = seconds('wait.duration', 'From the call to the grant, or to the failure of the call');
  const hold = seconds('hold.duration', 'From the grant to the release or the loss');
  const waiters = number('waiters', 'Calls of this process that wait for a lock', '{caller}');
  const holders = number('held', 'Locks and leases that this process holds', '{lock}');
  const takeovers = count('takeovers', 'Locks whose last holder ended without a release', '{lock}');
  const losses = count('lost', 'Leases and locks that ended while they were held', '{lock}');
  const deadlocks = count('deadlocks', 'Calls that failed because they would have waited forever', '{call}');
  return {
    waited: (time, attributes) => wait.record(time, attributes),
    held: (time, attributes) => hold.record(time, attributes),
    waiters: (change, attributes) => waiters.add(change, attributes),
    holders: (change, attributes) => holders.add(change, attributes),
    tookOver: (attributes) => takeovers.add(1, attributes),
    lost: (attributes) => losses.add(1, attributes),
    deadlock: (attributes) => deadlocks.add(1, attributes),
  };
}
