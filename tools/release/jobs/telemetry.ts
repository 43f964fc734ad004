import assert from 'node:assert/strict';
import { type MeterProvider, metrics } from '@opentelemetry/api';
import { lockChannels } from '@oslo-concurrency/core';
import { observe } from '@oslo-concurrency/telemetry';

// Without an SDK, everything goes nowhere.
const provider: MeterProvider = metrics;
const stop = observe({ meter: provider.getMeter('job'), lockName: (name) => name.toLowerCase() });
assert.equal(lockChannels.grant.hasSubscribers, true);
lockChannels.acquire.publish({ name: 'job', id: 1, external: false });
lockChannels.grant.publish({ name: 'job', id: 1, external: false, waitedMs: 1 });
stop();
assert.equal(lockChannels.grant.hasSubscribers, false);
console.log('done');
