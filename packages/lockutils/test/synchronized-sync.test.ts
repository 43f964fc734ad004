import { configure } from '@oslo-concurrency/core';
import { describe, expect, expectTypeOf, onTestFinished, test } from 'vitest';
import { lockSync, synchronizedSync } from '../dist/index.js';
import { lockDirectory } from './fixtures/lock-directory.js';
import { recordedLog, withoutSeconds } from './fixtures/recorded-log.js';

function configured(): void {
  const undo = configure({ lockPath: lockDirectory() });
  onTestFinished(undo);
}

describe('synchronizedSync', () => {
  test('holds the lock while the function runs; it stays synchronous and itself', () => {
    configured();
    const messages = recordedLog();
    const ledger = {
      sum: 1,
      add: synchronizedSync('ledger')(function add(this: { sum: number }, amount: number): number {
        expect(() => lockSync('ledger', { doLog: false })).toThrow('stop this thread forever');
        return this.sum + amount;
      }),
    };
    expect(ledger.add(2)).toBe(3);
    expect([ledger.add.name, ledger.add.length]).toEqual(['add', 1]);
    expectTypeOf(ledger.add).toEqualTypeOf<(this: { sum: number }, amount: number) => number>();
    expect(withoutSeconds(messages)).toEqual([
      'Acquiring lock "ledger" by "add"',
      'Lock "ledger" acquired by "add" :: waited Ns',
      'Lock "ledger" "released" by "add" :: held Ns',
    ]);
  });

  test('G14 a throw releases, is passed on, and is logged as released', () => {
    configured();
    const messages = recordedLog();
    const failure = new Error('the body failed');
    const fail = synchronizedSync('x')(() => {
      throw failure;
    });
    expect(fail).toThrow(failure);
    expect(fail).toThrow(failure);
    expect(withoutSeconds(messages).at(-1)).toBe('Lock "x" "released" by "<anonymous>" :: held Ns');
  });

  test('throws when it does not get the lock', () => {
    configured();
    const messages = recordedLog();
    const work = synchronizedSync('x', { blocking: false })(() => 'done');
    lockSync('x', { doLog: false }, () => expect(work).toThrow('Failed to acquire the lock x'));
    expect(messages.at(-1)).toBe('Lock "x" "unacquired" by "<anonymous>" :: held N/A');
  });

  test('asynchronous functions are refused by the types and where they are written', () => {
    // @ts-expect-error it would run without the lock
    expect(() => synchronizedSync('x')(async () => {})).toThrow('fn must be a synchronous function');
    expect(() => synchronizedSync('x')(function* () {})).toThrow('not a generator');
    expect(() => synchronizedSync('x', { signal: AbortSignal.abort() } as object)).toThrow('signal must be absent');
  });
});
