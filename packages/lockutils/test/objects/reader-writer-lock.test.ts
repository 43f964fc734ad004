import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FairLocks, type HeldLock, internalFairLock, ReaderWriterLock } from '../../dist/index.js';
import { testProperty } from '../support/property-test.js';

const notNow = { blocking: false } as const;
const taken = { code: 'ERR_LOCK_NOT_ACQUIRED' };

describe('ReaderWriterLock', () => {
  test('says who has it, and what a handle is to it', async () => {
    const both = new ReaderWriterLock();
    expect(both.owner).toBeUndefined();
    const readers = [await both.readLock(), await both.readLock()] as const;
    expect(both.owner).toBe(ReaderWriterLock.READER);
    expect([both.isReader(readers[0]), both.isWriter(readers[0])]).toEqual([true, false]);
    for (const reader of readers) await reader.release();
    expect([both.owner, both.isReader(readers[0])]).toEqual([undefined, false]);
    const writer = await both.writeLock();
    expect(both.owner).toBe(ReaderWriterLock.WRITER);
    expect([both.isReader(writer), both.isWriter(writer)]).toEqual([false, true]);
    expect(new ReaderWriterLock().isWriter(writer)).toBe(false);
    await writer.downgrade();
    expect([both.owner, both.isReader(writer), both.isWriter(writer)]).toEqual(['r', true, false]);
    await writer.release();
  });

  test('acquires and releases by name, as Python does: readers share, a writer is alone', async () => {
    const both = new ReaderWriterLock();
    await both.acquireReadLock();
    await both.acquireReadLock(notNow);
    await both.releaseReadLock();
    await expect(both.acquireWriteLock(notNow)).rejects.toMatchObject(taken);
    await both.releaseReadLock();
    await expect(both.releaseReadLock()).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_HELD' });
    const writer = await both.acquireWriteLock(notNow);
    expect([both.owner, both.isWriter(writer)]).toEqual([ReaderWriterLock.WRITER, true]);
    await expect(both.acquireReadLock(notNow)).rejects.toMatchObject(taken);
    await both.releaseWriteLock();
    await expect(both.releaseWriteLock()).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_HELD' });
    await both.acquireReadLock();
    await both[Symbol.asyncDispose]();
    expect(both.owner).toBeUndefined();
  });

  test('G11 a waiting writer keeps newcomers among the readers out, and goes first', async () => {
    const both = new ReaderWriterLock();
    const order: string[] = [];
    const first = await both.readLock();
    expect(both.hasPendingWriters).toBe(false);
    const waiting = [both.writeLock(() => order.push('writer')), both.readLock(() => order.push('late reader'))];
    expect(both.hasPendingWriters).toBe(true);
    await expect(both.readLock(notNow)).rejects.toMatchObject(taken);
    await first.release();
    await Promise.all(waiting);
    expect(order).toEqual(['writer', 'late reader']);
    expect(both.hasPendingWriters).toBe(false);
  });

  test('writers go before readers that came earlier, and in order among themselves', async () => {
    const both = new ReaderWriterLock();
    const order: string[] = [];
    const note = (what: string) => () => void order.push(what);
    const writer = await both.writeLock();
    const all = [
      both.readLock(note('r1')),
      both.writeLock(note('w1')),
      both.readLock(note('r2')),
      both.writeLock(note('w2')),
    ];
    await writer.release();
    await Promise.all(all);
    expect(order).toEqual(['w1', 'w2', 'r1', 'r2']);
  });

  test('a writer that gives up waiting lets the readers in that waited for it', async () => {
    const both = new ReaderWriterLock();
    const reader = await both.readLock();
    const giveUp = new AbortController();
    const writer = both.writeLock({ signal: giveUp.signal });
    const next = both.readLock();
    giveUp.abort(new Error('enough'));
    await expect(writer).rejects.toThrow('enough');
    await Promise.all([reader.release(), (await next).release()]);
    expect(both.owner).toBeUndefined();
  });

  test('G12 a reader does not become a writer: not in its body, not by its handle; it stays a reader', async () => {
    const both = new ReaderWriterLock('ledger');
    await both.readLock(async (held) => {
      await expect(both.writeLock(() => {})).rejects.toMatchObject({ code: 'ERR_DEADLOCK' });
      await expect(held.upgrade()).rejects.toMatchObject({ code: 'ERR_LOCK_UNSUPPORTED' });
      expect([both.owner, both.hasPendingWriters, both.isReader(held)]).toEqual(['r', false, true]);
    });
    await both.writeLock(notNow, () => {});
  });

  test('objects of one name know the handles of one another; other names and collections do not', async () => {
    const locks = new FairLocks();
    const held = await locks.get('a').readLock();
    expect(locks.get('a').isReader(held)).toBe(true);
    expect(locks.get('b').isReader(held)).toBe(false);
    expect(internalFairLock('a').isReader(held)).toBe(false);
    await held.release();
  });

  type Step = { readonly write: boolean; readonly abort: boolean };
  const steps = fc.array(fc.record({ write: fc.boolean(), abort: fc.boolean() }), { minLength: 1, maxLength: 12 });

  testProperty([steps, fc.infiniteStream(fc.nat(100))])(
    'never a writer beside anybody, every waiter settles, writers in order, whatever comes and goes',
    async (plan: Step[], picks) => {
      const both = new ReaderWriterLock();
      const inside: { held: HeldLock; write: boolean }[] = [];
      const writersIn: number[] = [];
      const abort = new AbortController();
      const calls = plan.map(({ write, abort: aborts }, number) => {
        const options = aborts ? { signal: abort.signal } : {};
        const call = write ? both.writeLock(options) : both.readLock(options);
        return call.then(
          (held) => {
            inside.push({ held, write });
            if (write) writersIn.push(number);
            if (inside.some((one) => one.write) && inside.length > 1) throw new Error('a writer is not alone');
          },
          (error) => {
            if (error !== abort.signal.reason) throw error;
          },
        );
      });
      const tick = () => new Promise(setImmediate);
      await tick();
      abort.abort(new Error('enough'));
      await tick();
      while (inside.length > 0) {
        const [leaver] = inside.splice((picks.next().value ?? 0) % inside.length, 1);
        await leaver?.held.release();
        await tick();
      }
      await Promise.all(calls);
      expect(both.owner).toBeUndefined();
      expect(writersIn).toEqual([...writersIn].sort((a, b) => a - b));
    },
  );
});
