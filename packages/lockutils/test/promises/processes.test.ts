import { type LockOptions, lock } from '@oslo-concurrency/lockutils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Contender, contenders } from '../support/contender.js';
import { driverVariants } from '../support/driver-variants.js';
import { lockDirectory } from '../support/lock-directory.js';

let pool: Contender[];
beforeAll(async () => {
  pool = await contenders(4);
});
afterAll(async () => {
  await Promise.all(pool.map((contender) => contender.end()));
});
const contender = (index: number): Contender => pool[index] as Contender;

describe.each(driverVariants)(
  'the external lock of driver $driver between processes, fair: $fair',
  ({ driver, fair }) => {
    const optionsIn = (lockPath: string): LockOptions => ({ external: true, driver, fair, lockPath });

    it('G9 a lock held by one process is refused to another and to this one', async () => {
      using directory = lockDirectory();
      const options = optionsIn(directory.path);
      await contender(0).acquire('x', options);
      await expect(contender(1).acquire('x', { ...options, blocking: false })).rejects.toMatchObject({
        code: 'ERR_LOCK_NOT_ACQUIRED',
      });
      await expect(lock('x', { ...options, blocking: false })).rejects.toMatchObject({ code: 'ERR_LOCK_NOT_ACQUIRED' });
      await contender(0).release('x');
      await (await lock('x', { ...options, blocking: false })).release();
    });

    it('G7 an abandoned wait in one process does not hold up the next one in line', async () => {
      using directory = lockDirectory();
      const options = optionsIn(directory.path);
      await contender(0).acquire('x', options);
      const first = await contender(1).queue('x', options);
      const second = await contender(2).queue('x', options);
      await contender(1).ask('abort', { key: 'x' });
      await expect(first.granted).rejects.toMatchObject({ message: 'abandoned by the test' });
      await contender(0).release('x');
      await second.granted;
      await contender(2).release('x');
    });

    it('G18 a timeout names the holder: process, command, host, since when, and label', async () => {
      using directory = lockDirectory();
      const options = optionsIn(directory.path);
      const before = Date.now();
      await contender(0).acquire('x', { ...options, label: 'nightly deploy' });
      const error = await contender(1)
        .acquire('x', { ...options, timeout: 20 })
        .catch((reason: unknown) => reason);
      const { message, holders } = error as { message: string; holders: Record<string, unknown>[] };
      expect(message).toContain(`held by pid ${contender(0).pid} (node `);
      expect(message).toContain('contender.mjs');
      expect(message).toContain('"nightly deploy"');
      expect(holders).toHaveLength(1);
      expect(holders[0]).toMatchObject({ pid: contender(0).pid, label: 'nightly deploy' });
      expect(new Date(holders[0]?.since as string).getTime()).toBeGreaterThanOrEqual(before);
      await contender(0).release('x');
    });

    it('G19 the first holder after a crash is told, exactly once', async () => {
      using directory = lockDirectory();
      const options = optionsIn(directory.path);
      const victim = await Contender.start();
      expect((await victim.acquire('x', options)).previousOwnerDied).toBe(false);
      await victim.end('SIGKILL');
      expect((await contender(0).acquire('x', options)).previousOwnerDied).toBe(true);
      await contender(0).release('x');
      expect((await contender(1).acquire('x', options)).previousOwnerDied).toBe(false);
      await contender(1).release('x');
    });

    it('G19 a process that ends after it released is no crash', async () => {
      using directory = lockDirectory();
      const options = optionsIn(directory.path);
      const other = await Contender.start();
      await other.acquire('x', options);
      await other.release('x');
      await other.end('SIGKILL');
      expect((await contender(0).acquire('x', options)).previousOwnerDied).toBe(false);
      await contender(0).release('x');
    });

    it('G17 a child of the holder has no descriptor of the lock, and does not keep it when the holder dies', async () => {
      using directory = lockDirectory();
      const options = optionsIn(directory.path);
      const victim = await Contender.start();
      await victim.acquire('x', options);
      const child = await victim.ask<{ pid: number; open: string[] }>('run', {
        code: `
        const { spawn } = await import('node:child_process');
        const { readdirSync, readlinkSync } = await import('node:fs');
        const child = spawn('sleep', ['60'], { stdio: 'ignore', detached: true });
        await new Promise((resolve) => child.once('spawn', resolve));
        const open = readdirSync('/proc/' + child.pid + '/fd').map((fd) => {
          try { return readlinkSync('/proc/' + child.pid + '/fd/' + fd); } catch { return ''; }
        });
        return { pid: child.pid, open };`,
      });
      try {
        expect(child.open.filter((path) => path.startsWith(directory.path))).toEqual([]);
        await victim.end('SIGKILL');
        // Sooner than the child ends.
        await contender(0).acquire('x', { ...options, timeout: 20_000 });
        await contender(0).release('x');
      } finally {
        process.kill(child.pid, 'SIGKILL');
      }
    });
  },
);

describe('fair locks', () => {
  it('G10 grants in arrival order across processes', async () => {
    using directory = lockDirectory();
    const options: LockOptions = { external: true, fair: true, lockPath: directory.path };
    const held = await lock('x', options);
    const waits = [];
    for (let n = 0; n < 12; n += 1) {
      waits.push(await contender(n % 4).queue('x', { ...options, deadlock: 'off' }, `key ${n}`));
    }
    const order: number[] = [];
    const all = waits.map(async ({ granted }, n) => {
      await granted;
      order.push(n);
      await contender(n % 4).release(`key ${n}`);
    });
    await held.release();
    await Promise.all(all);
    // Waits of one process queue inside it, so its second one joins the line when its first has been served.
    expect(order.slice(0, 4)).toEqual([0, 1, 2, 3]);
    for (const c of [0, 1, 2, 3]) expect(order.filter((n) => n % 4 === c)).toEqual([c, c + 4, c + 8]);
  });
});
