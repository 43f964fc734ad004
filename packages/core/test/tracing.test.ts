import { channel } from 'node:diagnostics_channel';
import { expect, it } from 'vitest';
import { commandChannels, lockChannels } from '../src/index.js';

const all = [
  ...Object.entries(lockChannels).map(([event, it]) => [`oslo-concurrency:lock:${event}`, it] as const),
  ...Object.entries(commandChannels).map(([event, it]) => [`oslo-concurrency:command:${event}`, it] as const),
];

it('core has the documented diagnostics channels', () => {
  expect(all.map(([name]) => name)).toEqual([
    ...['acquire', 'wait', 'grant', 'fail', 'release', 'lost', 'overdue'].map(
      (event) => `oslo-concurrency:lock:${event}`,
    ),
    ...['start', 'end', 'fail'].map((event) => `oslo-concurrency:command:${event}`),
  ]);
});

it.each(all)('%s is the channel that node:diagnostics_channel has under that name', (name, ours) => {
  expect(ours).toBe(channel(name));
  expect(ours.hasSubscribers, 'nobody listens, so nothing is computed').toBe(false);
  const seen: unknown[] = [];
  const listen = (message: unknown): number => seen.push(message);
  ours.subscribe(listen);
  expect(ours.hasSubscribers).toBe(true);
  ours.publish({ name: 'ledger' });
  ours.unsubscribe(listen);
  expect(ours.hasSubscribers).toBe(false);
  expect(seen).toEqual([{ name: 'ledger' }]);
});
