import { expect, test } from 'vitest';
import { watchKey, watchQueue } from '../../src/queue/key-watch.js';
import { type Answer, scriptedMember } from '../support/scripted-member.js';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const put = (key: string, created: number, value: object) => ({
  kv: { key: base64(key), create_revision: String(created), value: base64(JSON.stringify(value)) },
});

/** A watch that says this, and then that it was canceled: a waiter for which that was not enough learns that the watch broke. */
const events = (...found: readonly object[]): Answer => {
  return (response) => {
    response.write(`${JSON.stringify({ result: { created: true } })}\n`);
    response.write(`${JSON.stringify({ result: { events: found } })}\n`);
    response.end(`${JSON.stringify({ result: { canceled: true } })}\n`);
  };
};

// The mark is written before the key is removed, and the holder may die between the two.
test('a waiter need not wait for the removal of a key that is marked as released', async () => {
  await using member = await scriptedMember({ '/v3/watch': [events(put('q/1', 5, { farewell: 'released' }))] });
  expect(await watchKey(member.gateway, 'q/1', 6n, new AbortController().signal)).toBe('released');
});

test('a waiter for permits counts the keys before it that are marked or removed, each once, and none behind it', async () => {
  const removed = { type: 'DELETE', kv: { key: base64('q/2') }, prev_kv: put('q/2', 6, {}).kv };
  await using member = await scriptedMember({
    '/v3/watch': [
      events(put('q/1', 5, { farewell: 'released' }), put('q/1', 5, { farewell: 'released' })),
      events(put('q/1', 5, { farewell: 'released' }), put('q/9', 12, { farewell: 'released' })),
      events(put('q/1', 5, { farewell: 'left' }), put('q/3', 7, { farewell: 'released' })),
      events(put('q/1', 5, { farewell: 'released' }), removed),
    ],
  });
  const from = { revision: 10n, needed: 2 };
  const fates: string[] = [];
  for (let n = 0; n < 4; n += 1) {
    fates.push(await watchQueue(member.gateway, 'q/', 10n, from, new AbortController().signal));
  }
  expect(fates).toEqual(['broken', 'broken', 'released', 'deleted']);
});
