// The callers are processes of their own, which use the built package.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type LeaseDriver, oncePer } from '../../src/index.js';
import { lockDirectory } from '../support/lock-directory.js';
import { MemoryLeaseDriver } from '../support/memory-lease-driver.js';

const program = fileURLToPath(new URL('../fixtures/once-per.mjs', import.meta.url));

interface Report {
  readonly runs?: number;
  readonly pid?: number;
  readonly result?: {
    readonly ran?: boolean;
    readonly value?: string;
    readonly error?: string;
    readonly record?: { readonly by: { readonly pid: number }; readonly outcome: string; readonly error?: string };
  };
}

const start = (options: object): ChildProcess => fork(program, [JSON.stringify(options)], { execArgv: [] });

/** All reports of a process until it ends. */
async function reports(child: ChildProcess): Promise<Report[]> {
  const seen: Report[] = [];
  child.on('message', (report: Report) => seen.push(report));
  await once(child, 'exit');
  return seen;
}

describe('G31 oncePer on one machine', () => {
  test('of ten processes that call it for one tick, one runs; the others learn which, and how it ended', async () => {
    using directory = lockDirectory();
    const options = { lockPath: directory.path, tick: '2026-01-01T03:00', afterCrash: 'skip' };
    const all = (await Promise.all(Array.from({ length: 10 }, () => reports(start(options))))).flat();
    const runs = all.flatMap(({ runs: pid }) => pid ?? []);
    expect(runs).toHaveLength(1);
    const results = all.flatMap(({ result }) => result ?? []);
    expect(results.filter(({ ran }) => ran)).toEqual([expect.objectContaining({ value: 'the report' })]);
    for (const { record } of results) expect(record).toMatchObject({ by: { pid: runs[0] }, outcome: 'done' });
    // Nothing but the record is left of the tick.
    expect(readdirSync(directory.path).filter((name) => name.includes('@'))).toEqual([]);
  });

  test('other ticks and other names are runs of their own, and a date is its ISO form', async () => {
    using directory = lockDirectory();
    const options = { lockPath: directory.path, afterCrash: 'skip' } as const;
    const ran: string[] = [];
    const run = async (name: string, tick: Date | string) =>
      (await oncePer(name, tick, options, ({ tick: text }) => ran.push(`${name} ${text}`))).ran;
    const date = new Date(Date.UTC(2026, 0, 1));
    expect([
      await run('a', date),
      await run('a', 'x'),
      await run('b', date),
      await run('a', date.toISOString()),
    ]).toEqual([true, true, true, false]);
    expect(ran).toEqual(['a 2026-01-01T00:00:00.000Z', 'a x', 'b 2026-01-01T00:00:00.000Z']);
  });

  test('a tick is forgotten after keep, and its record is removed by the next run', async () => {
    using directory = lockDirectory();
    const options = { lockPath: directory.path, afterCrash: 'skip', keep: 60_000 } as const;
    await oncePer('a', 'x', options, () => {});
    const folder = join(directory.path, '.oslo-concurrency', 'once', 'records');
    const [record] = readdirSync(folder);
    expect((await oncePer('a', 'x', options, () => {})).ran).toBe(false);
    // As a minute later.
    const past = new Date(Date.now() - 1000);
    utimesSync(join(folder, record as string), past, past);
    expect((await oncePer('a', 'x', options, () => {})).ran).toBe(true);
    utimesSync(join(folder, record as string), past, past);
    await oncePer('a', 'y', options, () => {});
    expect(readdirSync(folder)).not.toContain(record);
    expect((await oncePer('a', 'x', options, () => {})).ran).toBe(true);
  });
});

describe('oncePer by a lease', () => {
  const ttl = 20_000;
  /** A memory driver that keeps records with their fence. */
  function recording(inner = new MemoryLeaseDriver()) {
    const texts = new Map<string, string>();
    const driver: LeaseDriver = {
      kind: 'lease',
      name: 'recording',
      async tryAcquire(request) {
        const grant = await inner.tryAcquire(request);
        const holds = (): boolean => inner.held.get(request.name)?.token === grant?.token;
        return (
          grant && {
            ...grant,
            record: {
              read: async () => texts.get(request.name),
              async write(text: string) {
                if (holds()) texts.set(request.name, text);
                return holds();
              },
            },
          }
        );
      },
    };
    return { driver, inner, texts };
  }

  test('gives the run its token and signal, and does not run again', async () => {
    const { driver } = recording();
    const options = { driver, ttl, afterCrash: 'skip' } as const;
    const first = await oncePer('a', 'x', options, ({ fencingToken, signal }) => [fencingToken, signal.aborted]);
    expect(first).toMatchObject({ ran: true, value: [1n, false] });
    expect(await oncePer('a', 'x', options, () => expect.unreachable())).toMatchObject({ ran: false });
  });

  test('a holder whose lease has ended before the record does not run', async () => {
    const { driver, inner } = recording();
    inner.onTheWay = async (what) => {
      if (what === 'acquire') setImmediate(() => inner.held.clear());
      await new Promise((done) => setImmediate(done));
      await new Promise((done) => setImmediate(done));
    };
    let ran = false;
    const run = oncePer('a', 'x', { driver, ttl, afterCrash: 'again' }, () => {
      ran = true;
    });
    await expect(run).rejects.toMatchObject({ code: 'ERR_LEASE_LOST' });
    expect(ran).toBe(false);
  });

  test('a lease that is lost while it runs is reported, and its end stays unknown', async () => {
    const { driver, inner } = recording();
    const options = { driver, ttl, afterCrash: 'skip' } as const;
    const run = oncePer('a', 'x', options, () => inner.revoke('a@x'));
    await expect(run).rejects.toMatchObject({ code: 'ERR_LEASE_LOST', reason: 'gone' });
    expect(await oncePer('a', 'x', options, () => {})).toMatchObject({ ran: false, record: { outcome: 'unknown' } });
  });

  test.each([
    [{ afterCrash: 'skip' }, 'ttl', { driver: recording().driver }],
    [{ afterCrash: 'skip', ttl }, 'ttl', {}],
    [{ ttl }, 'afterCrash', { driver: recording().driver }],
    [{ ttl, afterCrash: 'skip', keep: 1 }, 'keep', { driver: recording().driver }],
    [{ ttl, afterCrash: 'skip' }, 'driver', { driver: new MemoryLeaseDriver() }],
  ])('refuses misuse (%#)', async (options, option, more) => {
    const run = oncePer('a', 'x', { ...options, ...more } as never, () => expect.unreachable());
    await expect(run).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION', option });
  });

  test.each([[new Date(Number.NaN)], [''], [7]])('refuses a tick that is none (%s)', async (tick) => {
    const run = oncePer('a', tick as never, { afterCrash: 'skip' }, () => {});
    await expect(run).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION', option: 'tick' });
  });
});
