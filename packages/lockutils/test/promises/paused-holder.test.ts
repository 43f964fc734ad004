import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type LockOptions, lock } from '@oslo-concurrency/lockutils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Contender, contenders } from '../support/contender.js';
import { driverVariants } from '../support/driver-variants.js';
import { lockDirectory } from '../support/lock-directory.js';

let pool: Contender[];
beforeAll(async () => {
  pool = await contenders(3);
});
afterAll(async () => {
  await Promise.all(pool.map((contender) => contender.end()));
});
const contender = (index: number): Contender => pool[index] as Contender;

describe.concurrent.each(driverVariants)('a paused holder at driver $driver, fair: $fair', ({ driver, fair }) => {
  const optionsIn = (lockPath: string): LockOptions => ({ external: true, driver, fair, lockPath });

  it('G2 a holder whose event loop is blocked is not robbed', async () => {
    using directory = lockDirectory();
    using other = lockDirectory();
    const options = optionsIn(directory.path);
    await using holder = await Contender.start();
    await holder.acquire('x', options);
    const until = join(other.path, 'tried');
    const blocked = holder.ask('block', { until });
    await expect(contender(0).acquire('x', { ...options, timeout: 1000 }, directory.path)).rejects.toMatchObject({
      code: 'ERR_LOCK_TIMEOUT',
    });
    writeFileSync(until, '');
    await blocked;
    await holder.release('x');
  });
});

it.concurrent('G2 a holder stopped for 10 s is not robbed, and goes on as if nothing had been', async () => {
  using directory = lockDirectory();
  using other = lockDirectory();
  const options: LockOptions = { external: true, lockPath: directory.path };
  const byFiles: LockOptions = { external: true, lockPath: other.path, driver: 'lockfile' };
  await using holder = await Contender.start();
  await holder.acquire('plain', options);
  await holder.acquire('fair', { ...options, fair: true });
  await holder.acquire('by files', byFiles);
  await holder.stop();
  const robberies = [
    contender(0).acquire('plain', { ...options, timeout: 10_000 }),
    contender(1).acquire('fair', { ...options, fair: true, timeout: 10_000 }),
    contender(2).acquire('by files', { ...byFiles, timeout: 10_000 }),
  ];
  await Promise.all(robberies.map((robbery) => expect(robbery).rejects.toMatchObject({ code: 'ERR_LOCK_TIMEOUT' })));
  holder.process.kill('SIGCONT');
  await holder.release('plain');
  await holder.release('fair');
  await holder.release('by files');
  await (await lock('plain', options)).release();
  await (await lock('fair', { ...options, fair: true })).release();
  await (await lock('by files', byFiles)).release();
});
