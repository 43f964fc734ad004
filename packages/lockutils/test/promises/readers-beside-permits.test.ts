import { type LockOptions, lock } from '@oslo-concurrency/lockutils';
import { describe, expect, it } from 'vitest';
import { Contender } from '../support/contender.js';
import { contenderPool } from '../support/contender-pool.js';
import { driverVariants } from '../support/driver-variants.js';
import { lockDirectory } from '../support/lock-directory.js';

const { contender } = contenderPool(4);
const refused = { code: 'ERR_LOCK_NOT_ACQUIRED' };

describe.each(driverVariants)(
  'readers and permit holders of one name, driver $driver, fair: $fair',
  ({ driver, fair }) => {
    const modesIn = (lockPath: string): Record<'reader' | 'permit' | 'writer', LockOptions> => {
      const common: LockOptions = { external: true, driver, fair, lockPath };
      return { reader: { ...common, shared: true }, permit: { ...common, permits: 2 }, writer: common };
    };
    const atOnce = { blocking: false };

    it('G9 all n permits are admitted beside readers, not one more, and a writer beside neither', async () => {
      using directory = lockDirectory();
      const { reader, permit, writer } = modesIn(directory.path);
      await contender(0).acquire('x', { ...reader, ...atOnce });
      await contender(1).acquire('x', { ...reader, ...atOnce });
      await contender(2).acquire('x', { ...permit, ...atOnce });
      await contender(3).acquire('x', { ...permit, ...atOnce });
      await expect(lock('x', { ...permit, ...atOnce })).rejects.toMatchObject(refused);
      await (await lock('x', { ...reader, ...atOnce })).release();
      for (const left of [2, 3, 0, 1]) {
        await expect(lock('x', { ...writer, ...atOnce })).rejects.toMatchObject(refused);
        await contender(left).release('x');
      }
      await using _alone = await lock('x', { ...writer, ...atOnce });
      for (const mode of [reader, permit]) {
        await expect(contender(0).acquire('x', { ...mode, ...atOnce })).rejects.toMatchObject(refused);
      }
    });

    it('G19 the news of a dead permit holder outlives readers and writers, and the next permit holder has it, once', async () => {
      using directory = lockDirectory();
      const { reader, permit, writer } = modesIn(directory.path);
      await using victim = await Contender.start();
      await victim.acquire('x', permit);
      await victim.end();
      // Two at one time: in one seat more than the dead one had.
      for (const index of [0, 1]) {
        expect((await contender(index).acquire('x', reader)).previousOwnerDied).toBe(false);
      }
      for (const index of [0, 1]) await contender(index).release('x');
      expect((await contender(2).acquire('x', writer)).previousOwnerDied).toBe(false);
      await contender(2).release('x');
      for (const [index, told] of [true, false].entries()) {
        expect((await contender(index).acquire('x', permit)).previousOwnerDied).toBe(told);
        await contender(index).release('x');
      }
    });

    it('G19 a dead reader is no news to anybody, whoever was in beside it', async () => {
      using directory = lockDirectory();
      const { reader, permit, writer } = modesIn(directory.path);
      await using victim = await Contender.start();
      await contender(0).acquire('x', permit);
      await victim.acquire('x', reader);
      await victim.end();
      for (const mode of [permit, reader]) {
        expect((await contender(1).acquire('x', mode)).previousOwnerDied).toBe(false);
        await contender(1).release('x');
      }
      await contender(0).release('x');
      expect((await contender(1).acquire('x', writer)).previousOwnerDied).toBe(false);
      await contender(1).release('x');
    });

    it('G19 of the readers and permit holders that enter after a dead writer one is told', async () => {
      using directory = lockDirectory();
      const { reader, permit, writer } = modesIn(directory.path);
      for (const modes of [
        [reader, permit],
        [permit, reader],
      ]) {
        await using victim = await Contender.start();
        await victim.acquire('x', writer);
        await victim.end();
        for (const [index, mode] of modes.entries()) {
          expect((await contender(index).acquire('x', mode)).previousOwnerDied).toBe(index === 0);
        }
        for (const index of modes.keys()) await contender(index).release('x');
      }
    });
  },
);
