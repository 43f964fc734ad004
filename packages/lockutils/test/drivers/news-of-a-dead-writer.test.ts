import { join } from 'node:path';
import { defaultKernelSystem, type KernelSystem, kernelDriver } from '@oslo-concurrency/lockutils/drivers';
import { expect, test } from 'vitest';
import { Contender } from '../support/contender.js';
import { lockDirectory } from '../support/lock-directory.js';

interface Granted {
  readonly previousOwnerDied: boolean;
  release(): void;
}

const dash = '-'.charCodeAt(0);

test.each([
  ['a reader', undefined],
  ['a permit holder', 3],
])(
  'G19 %s that stands between reading of a dead writer and clearing it is not told beside who passes it',
  async (_, permits) => {
    using directory = lockDirectory();
    const path = join(directory.path, 'x');
    await using writer = await Contender.start();
    await writer.acquire('x', { external: true, lockPath: directory.path });
    await writer.end('SIGKILL');
    const request = { name: 'x', path, shared: permits === undefined, permits, label: undefined };
    const take = (system: KernelSystem): Granted => kernelDriver({ system }).tryAcquire(request) as Granted;
    let passing: Granted | undefined;
    let lockFile: number | undefined;
    const standing = take({
      ...defaultKernelSystem,
      openSync: ((file: string, ...more: [number, number]) => {
        const fd = defaultKernelSystem.openSync(file, ...more);
        if (file === path) lockFile = fd;
        return fd;
      }) as KernelSystem['openSync'],
      writeSync(fd, buffer, ...more) {
        // A process that passes it does all of this meanwhile.
        if (fd === lockFile && buffer[0] === dash) passing ??= take(defaultKernelSystem);
        return defaultKernelSystem.writeSync(fd, buffer, ...more);
      },
    });
    expect(passing).toBeDefined();
    expect([standing.previousOwnerDied, passing?.previousOwnerDied]).toEqual([true, false]);
    passing?.release();
    standing.release();
    const next = take(defaultKernelSystem);
    expect(next.previousOwnerDied).toBe(false);
    next.release();
  },
);
