import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findProcessCycle } from '../../../build/locking/deadlock/process-cycle.js';
import {
  newWait,
  publishWait,
  readWaits,
  type WaitRecord,
  withdrawWait,
} from '../../../build/locking/deadlock/wait-record.js';
import { Contender } from '../../support/contender.js';
import { lockDirectory } from '../../support/lock-directory.js';

const waitsIn = (directory: string): string => join(directory, '.oslo-concurrency', 'waits');

/** A wait for `wants` by one who holds `holds`. */
function waitOf(directory: string, holds: string, wants: string): WaitRecord {
  const use = (name: string) => ({ path: join(directory, name), shared: false });
  return newWait({ name: wants, wants: use(wants), holds: [use(holds)], since: 0 });
}

/** The same as one of another container says it, of which nobody here can see whether it lives. */
const elsewhere = (wait: WaitRecord): WaitRecord => ({ ...wait, owner: { ...wait.owner, pidNamespace: 1 } });

describe('G12 what processes say of their waits', () => {
  it('G12 a waiter in another container counts while its record is fresh, and not for ever after it was killed', () => {
    using directory = lockDirectory();
    const theirs = elsewhere(waitOf(directory.path, 'a', 'b'));
    const own = waitOf(directory.path, 'b', 'a');
    publishWait(theirs);
    const now = publishWait(own);
    expect(findProcessCycle(own, now)?.map(({ id }) => id)).toEqual([own.id, theirs.id]);
    expect(findProcessCycle(own, now + 5000)).toBeUndefined();
    publishWait(theirs);
    withdrawWait(own);
    expect(readdirSync(waitsIn(directory.path))).toEqual([theirs.id]);
  });

  it('G12 records that nobody has renewed for an hour are removed, when it cannot be seen whose they are', () => {
    using directory = lockDirectory();
    const theirs = elsewhere(waitOf(directory.path, 'a', 'b'));
    const now = publishWait(theirs);
    const before = new Date(now - 2 * 3_600_000);
    utimesSync(join(waitsIn(directory.path), theirs.id), before, before);
    expect(readWaits(directory.path, now)).toEqual([]);
    expect(readdirSync(waitsIn(directory.path))).toEqual([]);
  });

  it('G12 a waiter does not say any more that it holds what it has released by its handle', async () => {
    using directory = lockDirectory();
    await using holder = await Contender.start();
    await using waiter = await Contender.start();
    const options = { external: true, lockPath: directory.path };
    await holder.acquire('b', options);
    const code = `
      const options = ${JSON.stringify(options)};
      await lock('a', options, async (a) => {
        globalThis.releaseA = () => a.release();
        await lock('c', options, () => lock('b', options, () => {}));
      });`;
    const done = waiter.ask('run', { code });
    const said = (): string[] =>
      readdirSync(waitsIn(directory.path)).flatMap((file) => {
        const { holds } = JSON.parse(readFileSync(join(waitsIn(directory.path), file), 'utf8')) as WaitRecord;
        return holds.map(({ path }) => path.slice(directory.path.length + 1));
      });
    await expect.poll(said).toEqual(['c', 'a']);
    await waiter.ask('run', { code: 'await globalThis.releaseA()' });
    await expect.poll(said).toEqual(['c']);
    await holder.release('b');
    await done;
  });

  it('G12 G16 a FIFO among the records keeps nobody waiting, and foreign text is no record', () => {
    using directory = lockDirectory();
    mkdirSync(waitsIn(directory.path), { recursive: true });
    spawnSync('mkfifo', [join(waitsIn(directory.path), 'fifo')]);
    for (const [n, text] of ['{}', '[1', '{"holds":[null],"wants":{"path":"x"}}'].entries()) {
      spawnSync('sh', ['-c', 'printf %s "$1" > "$0"', join(waitsIn(directory.path), String(n)), text]);
    }
    // In a process of its own: one that hangs here cannot be told to stop.
    const module = new URL('../../../build/locking/deadlock/wait-record.js', import.meta.url).href;
    const code = `import { readWaits } from '${module}'; console.log(readWaits(process.argv[1], 0).length)`;
    const reader = spawnSync(process.execPath, ['--input-type=module', '-e', code, directory.path], {
      timeout: 20_000,
    });
    expect(reader.stdout.toString()).toBe('0\n');
  });
});
