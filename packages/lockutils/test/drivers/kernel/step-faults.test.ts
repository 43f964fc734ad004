import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isConcurrencyError } from '@oslo-concurrency/core';
import { closeLockPath, type HeldLock, type LockOptions, lock } from '@oslo-concurrency/lockutils';
import { defaultKernelSystem, type KernelSystem, kernelDriver } from '@oslo-concurrency/lockutils/drivers';
import { afterAll, describe, expect, test } from 'vitest';

const root = mkdtempSync(join(tmpdir(), 'lock-path-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

type Calls = Record<string, (...args: unknown[]) => unknown>;

/** The real calls, of which number `failing` fails; knows what is open. */
class FailingOnce {
  failed: string | undefined;
  readonly open = new Map<number, string>();
  readonly system: KernelSystem;
  #calls = 0;

  constructor(failing: number, code: string) {
    const wrapped = Object.entries(defaultKernelSystem as unknown as Calls).map(
      ([name, real]: [string, (...args: unknown[]) => unknown]) => [
        name,
        (...args: unknown[]): unknown => {
          this.#calls += 1;
          const fails = this.#calls === failing;
          // Linux closes the descriptor whatever it reports.
          const result = fails && name !== 'closeSync' ? undefined : real(...args);
          if (name === 'closeSync') this.open.delete(args[0] as number);
          if (fails) {
            this.failed = name;
            throw Object.assign(new Error(`${code}: injected at ${name}`), { code });
          }
          if (name === 'openSync') this.open.set(result as number, args[0] as string);
          return result;
        },
      ],
    );
    this.system = Object.fromEntries(wrapped) as unknown as KernelSystem;
  }
}

type Scenario = (options: LockOptions, note: (error: unknown) => void) => Promise<void>;

async function giveBack(held: HeldLock, note: (error: unknown) => void): Promise<void> {
  await held.release().catch(note);
  await held.release();
}

const holding =
  (mode: LockOptions): Scenario =>
  async (options, note) =>
    giveBack(await lock('x', { ...options, ...mode }), note);

const scenarios: Record<string, Scenario> = {
  'a lock': holding({}),
  'a fair lock': holding({ fair: true }),
  'a lock that is removed': holding({ fair: true, removeOnRelease: true }),
  'a permit': holding({ permits: 2 }),
  'a reader that becomes writer and back': async (options, note) => {
    const held = await lock('x', { ...options, shared: true });
    await held.upgrade({ timeout: 1000 }).catch(note);
    try {
      await held.downgrade();
    } catch (error) {
      note(error);
    }
    await giveBack(held, note);
  },
  'a wait in line': async (options, note) => {
    const other = kernelDriver();
    const request = requestIn(options.lockPath as string);
    const place = other.joinQueue?.(request) as { leave(): void };
    const grant = other.tryAcquire(request) as { release(): void };
    const waiting = lock('x', {
      ...options,
      fair: true,
      delay: 2,
      onWait: () =>
        setTimeout(() => {
          grant.release();
          place.leave();
        }, 4),
    });
    waiting.catch(() => {
      grant.release();
      place.leave();
    });
    await giveBack(await waiting, note);
  },
};

function requestIn(lockPath: string) {
  return { name: 'x', path: join(lockPath, 'x'), shared: false, permits: undefined, label: undefined };
}

describe.each(Object.keys(scenarios))('G16 %s', (title) => {
  test.each(['EIO', 'EMFILE', 'ENOLCK'])(
    'G16 whichever system call of it fails with %s, it is granted or rejects with a typed error, and nothing is left',
    async (code) => {
      let failures = 0;
      for (let call = 1; ; call += 1) {
        const lockPath = join(root, `${title} ${code} ${call}`);
        mkdirSync(lockPath);
        const faulty = new FailingOnce(call, code);
        const errors: unknown[] = [];
        const note = (error: unknown): void => void errors.push(error);
        const options = { external: true, lockPath, driver: kernelDriver({ system: faulty.system }) };
        await scenarios[title]?.(options, note).catch(note);
        if (faulty.failed === undefined) break;
        failures += 1;
        const where = `call ${call}, ${faulty.failed}`;
        for (const error of errors) expect(isConcurrencyError(error), `${where}: ${error}`).toBe(true);
        const successor = kernelDriver();
        const place = successor.joinQueue?.(requestIn(lockPath)) as { isFirst(): boolean; leave(): void };
        expect(place.isFirst(), where).toBe(true);
        const grant = successor.tryAcquire(requestIn(lockPath)) as { release(): void } | undefined;
        expect(grant, where).toBeDefined();
        grant?.release();
        place.leave();
        // Files that are kept for a moment, unlocked, are closed by this; others are not.
        closeLockPath({ lockPath });
        expect([...faulty.open.values()], where).toEqual([]);
      }
      expect(failures).toBeGreaterThan(8);
    },
    60_000,
  );
});
