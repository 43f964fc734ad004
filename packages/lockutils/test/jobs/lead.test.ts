// The candidates are processes of their own, which use the built package.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lead } from '../../src/index.js';
import { MemoryLeaseDriver } from '../support/memory-lease-driver.js';

const program = fileURLToPath(new URL('../fixtures/candidate.mjs', import.meta.url));

interface Report {
  readonly term?: string;
  readonly leader?: number;
  readonly self?: boolean;
  readonly over?: boolean;
  readonly ended?: boolean;
}

/** A process that campaigns, and what it has reported. */
class Candidate {
  readonly process: ChildProcess;
  readonly reports: Report[] = [];
  #news = (): void => {};

  constructor(options: object) {
    this.process = fork(program, [JSON.stringify(options)], { execArgv: [] });
    this.process.on('message', (report: Report) => {
      this.reports.push(report);
      this.#news();
    });
  }

  async until(what: (report: Report) => boolean): Promise<Report> {
    for (;;) {
      const found = this.reports.find(what);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        this.#news = resolve;
      });
    }
  }

  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const gone = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await gone;
  }
}

describe.each([
  ['on one machine, by the kernel', undefined],
  ['by a lease', 1000],
])('lead %s', (_, ttl) => {
  let lockPath = '';
  const candidates: Candidate[] = [];
  const candidate = (): Candidate => {
    const one = new Candidate({ name: 'leader', lockPath, ...(ttl === undefined ? {} : { ttl }) });
    candidates.push(one);
    return one;
  };
  beforeEach(() => {
    lockPath = mkdtempSync(join(tmpdir(), 'lead-'));
  });
  afterEach(async () => {
    await Promise.all(candidates.splice(0).map((one) => one.kill()));
    rmSync(lockPath, { recursive: true, force: true });
  });

  test('one candidate leads, the others learn which; resigning hands over, and an end resigns', async () => {
    const first = candidate();
    await first.until(({ term }) => term !== undefined);
    const second = candidate();
    expect(await second.until(({ leader }) => leader !== undefined)).toEqual({
      leader: first.process.pid,
      self: false,
    });
    expect(second.reports.some(({ term }) => term !== undefined)).toBe(false);
    first.process.send('resign');
    await second.until(({ term }) => term !== undefined);
    // The one that resigned campaigns again, and follows.
    await first.until(({ leader, self }) => leader === second.process.pid && self === false);
    second.process.send('end');
    await second.until(({ ended }) => ended === true);
    expect(second.reports.at(-2)).toEqual({ over: true });
    await first.until(() => first.reports.filter(({ term }) => term !== undefined).length === 2);
  });

  test('the death of the leader is followed by another term, with a greater token', async () => {
    const first = candidate();
    const { term } = await first.until(({ term: of }) => of !== undefined);
    const second = candidate();
    await second.until(({ leader }) => leader === first.process.pid);
    await first.kill();
    const { term: next } = await second.until(({ term: of }) => of !== undefined);
    if (ttl !== undefined) expect(BigInt(next as string)).toBeGreaterThan(BigInt(term as string));
  });
});

describe('lead', () => {
  const ttl = 2000;

  test('campaigns again after a loss, once fn has ended, and gives each term its token', async () => {
    const driver = new MemoryLeaseDriver();
    const end = new AbortController();
    const tokens: (bigint | undefined)[] = [];
    let running = 0;
    await lead('job', { driver, ttl, signal: end.signal, backOff: 1 }, async ({ signal, fencingToken }) => {
      expect(++running).toBe(1);
      tokens.push(fencingToken);
      if (tokens.length === 3) end.abort();
      else driver.revoke('job');
      expect(signal.aborted).toBe(true);
      await new Promise((done) => setImmediate(done));
      running--;
    });
    expect(tokens).toEqual([1n, 2n, 3n]);
    expect(driver.held.size).toBe(0);
  });

  test('rejects with the error of fn after it has resigned, or reports it to onError and goes on', async () => {
    const driver = new MemoryLeaseDriver();
    const broken = new Error('the leader is broken');
    await expect(lead('job', { driver, ttl }, () => Promise.reject(broken))).rejects.toBe(broken);
    expect(driver.held.size).toBe(0);
    const end = new AbortController();
    const errors: unknown[] = [];
    const onError = (error: unknown): void => {
      errors.push(error);
      if (errors.length === 2) end.abort();
    };
    await lead('job', { driver, ttl, signal: end.signal, backOff: 1, onError }, () => Promise.reject(broken));
    expect(errors).toEqual([broken, broken]);
  });

  test('a failed campaign is repeated', async () => {
    const driver = new MemoryLeaseDriver();
    const end = new AbortController();
    let failures = 0;
    driver.onTheWay = async () => {
      if (failures < 2) throw new Error('the engine is down');
    };
    const onError = (): void => {
      failures++;
      driver.held.clear();
    };
    await lead('job', { driver, ttl, signal: end.signal, backOff: 1, onError }, () => end.abort());
    expect(failures).toBe(2);
  });

  test('resolves at once if its signal has aborted, and while it waits', async () => {
    const driver = new MemoryLeaseDriver();
    await lead('job', { driver, ttl, signal: AbortSignal.abort() }, () => expect.unreachable());
    const holder = await driver.tryAcquire({
      name: 'job',
      ttl: 60_000,
      permits: 1,
      label: undefined,
      now: () => performance.now(),
      waiting() {},
    });
    const end = new AbortController();
    const leaders: unknown[] = [];
    const onLeader = (leader: unknown): void => {
      leaders.push(leader);
      end.abort();
    };
    await lead('job', { driver, ttl, signal: end.signal, onLeader }, () => expect.unreachable());
    expect(leaders).toEqual([{ pid: 4242, self: false }]);
    expect(driver.held.get('job')?.token).toBe(holder?.token);
  });

  test.each([
    [{ ttl }, 'ttl'],
    [{ driver: new MemoryLeaseDriver() }, 'ttl'],
    [{ driver: new MemoryLeaseDriver(), ttl, lockPath: '/tmp' }, 'lockPath'],
    [{ backOff: -1 }, 'backOff'],
    [{ onLeader: 'me' }, 'onLeader'],
    [{ onleader() {} }, 'options'],
  ])('refuses misuse before any campaign (%#)', async (options, option) => {
    await expect(lead('job', options as never, () => {})).rejects.toMatchObject({ code: 'ERR_INVALID_OPTION', option });
  });
});
