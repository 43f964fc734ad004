import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import { processState } from '../src/index.js';

it('a process state is created once and is the same for every caller', () => {
  let created = 0;
  const ask = (): object =>
    processState('test/once', 1, () => {
      created += 1;
      return {};
    });
  expect(ask()).toBe(ask());
  expect(created).toBe(1);
});

it('a process state is another one for another version, so that no copy reads a shape it does not know', () => {
  expect(processState('test/version', 1, () => 'old')).toBe('old');
  expect(processState('test/version', 2, () => 'new')).toBe('new');
});

it('a process state cannot be replaced or removed, and does not show among the globals', () => {
  const value = processState('test/fixed', 1, () => ({}));
  const key = Symbol.for('@oslo-concurrency/test/fixed@1');
  expect(Reflect.set(globalThis, key, {})).toBe(false);
  expect(Reflect.deleteProperty(globalThis, key)).toBe(false);
  expect(processState('test/fixed', 1, () => ({}))).toBe(value);
  expect(Object.keys(globalThis)).not.toContain(key);
  expect(Object.getOwnPropertyDescriptor(globalThis, key)?.enumerable).toBe(false);
});

it('a process state is another one in a worker thread', async () => {
  processState('test/worker', 1, () => 'main');
  const worker = new Worker(
    `import('@oslo-concurrency/core').then(({ processState }) =>
       require('node:worker_threads').parentPort.postMessage(processState('test/worker', 1, () => 'worker')))`,
    { eval: true },
  );
  expect(await once(worker, 'message')).toEqual(['worker']);
});
