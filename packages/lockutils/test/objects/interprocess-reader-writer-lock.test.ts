import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { InterProcessReaderWriterLock } from '../../dist/index.js';
import { lockDirectory } from '../fixtures/lock-directory.js';
import { hasOslo, startPeer } from '../fixtures/peer.js';

const here = (): InterProcessReaderWriterLock => new InterProcessReaderWriterLock(join(lockDirectory(), 'index'));
const notNow = { blocking: false } as const;
const taken = { code: 'ERR_LOCK_NOT_ACQUIRED' };

describe('InterProcessReaderWriterLock', () => {
  test('readers share, a writer is alone; both are given back by name and can be taken again', async () => {
    const index = here();
    await index.acquireReadLock();
    await index.acquireReadLock(notNow);
    await expect(index.writeLock(notNow)).rejects.toMatchObject(taken);
    await index.releaseReadLock();
    await expect(index.writeLock(notNow)).rejects.toMatchObject(taken);
    await index.releaseReadLock();
    await index.acquireWriteLock(notNow);
    await expect(index.readLock(notNow)).rejects.toMatchObject(taken);
    await index.releaseWriteLock();
    expect(await index.readLock(notNow, (held) => held.mode)).toBe('shared');
    expect(await index.writeLock((held) => held.mode)).toBe('exclusive');
  });

  test('releasing what is not held is an error', async () => {
    const index = here();
    await expect(index.releaseReadLock()).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_HELD' });
    const held = await index.acquireWriteLock();
    await expect(index.releaseReadLock()).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_HELD' });
    await held.release();
    await expect(index.releaseWriteLock()).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_HELD' });
  });

  test('disposing gives back all that it acquired', async () => {
    const index = here();
    const readers = [await index.acquireReadLock(), await index.acquireReadLock()];
    await index[Symbol.asyncDispose]();
    expect(readers.map((held) => held.released)).toEqual([true, true]);
    await index.writeLock(notNow, () => {});
  });

  const languages = [
    ['Node', 'hold-file.mjs', false],
    ['Python', 'hold-file.py', !hasOslo],
  ] as const;
  for (const [language, program, skip] of languages) {
    test.skipIf(skip)(`G9 readers share with a reader in ${language}, which keeps writers out`, async () => {
      const index = here();
      const peer = startPeer(program, ['read', index.path]);
      expect(await peer.line()).toBe('held');
      await index.readLock(notNow, () => {});
      await expect(index.writeLock(notNow)).rejects.toMatchObject(taken);
      const writer = index.writeLock();
      peer.tell('go on');
      await (await writer).release();
    });

    test.skipIf(skip)(`G9 a writer in ${language} keeps readers and writers out, and is kept out`, async () => {
      const index = here();
      const peer = startPeer(program, ['write', index.path]);
      expect(await peer.line()).toBe('held');
      await expect(index.readLock(notNow)).rejects.toMatchObject(taken);
      await expect(index.writeLock(notNow)).rejects.toMatchObject(taken);
      const reader = index.readLock();
      peer.tell('go on');
      const held = await reader;
      const second = startPeer(program, ['write', index.path]);
      await held.release();
      expect(await second.line()).toBe('held');
    });
  }

  test('G11 a reader that comes after a waiting writer of another process does not pass it', async () => {
    const index = here();
    const first = await index.readLock();
    const peer = startPeer('hold-file.mjs', ['write', index.path]);
    // The peer waits once its ticket keeps a newcomer out although only a reader holds.
    for (;;) {
      const passed = await index.readLock(notNow).catch(() => undefined);
      if (passed === undefined) break;
      await passed.release();
      await new Promise(setImmediate);
    }
    const later = index.readLock();
    await first.release();
    expect(await peer.line()).toBe('held');
    peer.tell('go on');
    await (await later).release();
  });
});
