import { afterEach, expect, test } from 'vitest';
import { Turnstile } from '../../src/gateway/turnstile.js';

const turnstile = new Turnstile(4);
const ends: (() => void)[] = [];
const begun: string[] = [];
const work = (name: string) => () => {
  begun.push(name);
  return new Promise<void>((resolve) => ends.push(resolve));
};
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

afterEach(async () => {
  while (ends.length > 0) {
    ends.shift()?.();
    await turn();
  }
  begun.length = 0;
});

test('the turnstile of a gateway gives new leases half of the places, in the order of arrival', async () => {
  for (const name of ['a', 'b', 'c', 'd']) void turnstile.pass('join', work(name));
  expect(begun).toEqual(['a', 'b']);
  ends.shift()?.();
  await turn();
  expect(begun).toEqual(['a', 'b', 'c']);
});

test('the turnstile of a gateway begins a renewal at once beside new leases, and before those that wait', async () => {
  for (const name of ['a', 'b', 'c']) void turnstile.pass('join', work(name));
  for (const name of ['k1', 'k2', 'k3', 'k4', 'k5']) void turnstile.pass('keep', work(name));
  expect(begun).toEqual(['a', 'b', 'k1', 'k2', 'k3', 'k4']);
  ends.shift()?.();
  ends.shift()?.();
  await turn();
  expect(begun).toEqual(['a', 'b', 'k1', 'k2', 'k3', 'k4']);
  ends.shift()?.();
  await turn();
  expect(begun).toEqual(['a', 'b', 'k1', 'k2', 'k3', 'k4', 'k5']);
});

test('a new lease whose turn does not come in time fails with EtcdBusyError, and is not asked for', async () => {
  for (const name of ['a', 'b']) void turnstile.pass('join', work(name));
  await expect(turnstile.pass('join', work('c'), { patience: 20 })).rejects.toMatchObject({
    code: 'ERR_ETCD_BUSY',
    timeout: 20,
    waiting: 0,
  });
  ends.shift()?.();
  await turn();
  expect(begun).toEqual(['a', 'b']);
});

test('a renewal whose turn does not come in time begins all the same', async () => {
  for (const name of ['a', 'b', 'c', 'd']) void turnstile.pass('keep', work(name));
  await new Promise<void>((resolve) => {
    void turnstile.pass(
      'keep',
      async () => {
        resolve();
      },
      { patience: 20 },
    );
  });
  expect(begun).toEqual(['a', 'b', 'c', 'd']);
});

test('a new lease that is aborted while it waits for its turn is not asked for', async () => {
  for (const name of ['a', 'b']) void turnstile.pass('join', work(name));
  const stop = new AbortController();
  const aborted = turnstile.pass('join', work('c'), { signal: stop.signal });
  stop.abort(new Error('no more'));
  await expect(aborted).rejects.toThrow('no more');
  ends.shift()?.();
  await turn();
  expect(begun).toEqual(['a', 'b']);
});

test('work that fails gives its place to the next', async () => {
  void turnstile.pass('join', work('a'));
  await expect(turnstile.pass('join', () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  void turnstile.pass('join', work('c'));
  expect(begun).toEqual(['a', 'c']);
});
