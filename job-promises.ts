// What `lead`, `oncePer`, `permits` and `leaseAll` promise on each engine, as one text for all of them: real processes, and
// what they report, judged by token and time. `packages/lockutils*/test/job-promises.test.ts` run it on their engines.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type LeaseDriver, lease, leaseAll } from '@oslo-concurrency/lockutils';
import { expect } from 'vitest';

/** An engine, or the locks of one machine. */
export interface JobSubject {
  /** Of a lease driver: the module with its `createLeaseDriver(options)`. Absent for the kernel driver. */
  readonly module?: URL;
  /** For `createLeaseDriver`, of the process with this number; called when a promise runs. */
  readonly options?: (index: number) => object;
  /** Milliseconds. */
  readonly ttl?: number;
  /** Of the kernel driver. */
  readonly lockPath?: () => string;
}

/** One promise: run it as a test with this title. */
export interface JobPromise {
  readonly title: string;
  run(): Promise<void>;
}

interface Report {
  readonly ready?: boolean;
  readonly leader?: number;
  readonly self?: boolean;
  readonly label?: string;
  readonly term?: string;
  /** Milliseconds in which it wanted to run and did not, since the order `count`. */
  readonly late?: number;
  readonly over?: string;
  readonly ended?: boolean;
  readonly aborted?: boolean;
  readonly runs?: number;
  readonly held?: string;
  readonly released?: boolean;
  readonly all?: readonly string[];
  readonly tokens?: readonly string[];
  readonly from?: number;
  readonly to?: number;
  readonly failed?: string;
  readonly result?: {
    readonly ran?: boolean;
    readonly value?: string;
    readonly error?: string;
    readonly record?: {
      readonly by: { readonly pid: number };
      readonly began: string;
      readonly ended?: string;
      readonly outcome: string;
      readonly error?: string;
    };
  };
}

/**
 * What an order is given whose lease must not end by itself: a busy machine may stop a process for a second or two. A
 * participant that has it releases before it is killed, so that nothing is left for that long.
 */
const lasting = { ttl: 20_000 };
const enduring = ({ ttl }: JobSubject): { readonly ttl?: number } => (ttl === undefined ? {} : lasting);
/** What an order is given whose lease another participant waits to end by itself, but not before it is time. */
const ending = ({ ttl }: JobSubject): { readonly ttl?: number } => (ttl === undefined ? {} : { ttl: 2 * ttl });

const program = fileURLToPath(new URL('./job-participant.mjs', import.meta.url));
let count = 0;

/** A process that takes part, and what it has reported. */
class Participant {
  readonly process: ChildProcess;
  readonly reports: Report[] = [];
  #news = (): void => {};

  constructor({ module, options, ttl, lockPath }: JobSubject, index: number) {
    const told =
      module === undefined ? { lockPath: lockPath?.() } : { module: module.href, options: options?.(index), ttl };
    this.process = fork(program, [JSON.stringify(told)], { execArgv: [] });
    this.process.on('message', (report: Report) => {
      this.reports.push(report);
      this.#news();
    });
  }

  get pid(): number {
    return this.process.pid as number;
  }

  send(order: object): void {
    this.process.send(order);
  }

  /** The first report from the one with index `from` on that is as it should be. */
  async until(what: (report: Report) => unknown, from = 0): Promise<Report> {
    for (;;) {
      const failed = this.reports.find((report) => report.failed !== undefined);
      if (failed !== undefined) throw new Error(`a participant failed: ${failed.failed}`);
      const found = this.reports.slice(from).find(what);
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

/** Runs `body` with participants that are ready, and ends them. */
async function withParticipants(
  subject: JobSubject,
  many: number,
  body: (participants: readonly Participant[], name: string) => Promise<void>,
): Promise<void> {
  const participants = Array.from({ length: many }, (_, index) => new Participant(subject, index));
  try {
    await Promise.all(participants.map((one) => one.until(({ ready }) => ready)));
    await body(participants, `job ${process.pid}/${++count}`);
  } finally {
    await Promise.all(participants.map((one) => one.kill()));
  }
}

/** Runs `body` with a driver of this process. */
async function withDriver(subject: JobSubject, body: (driver: LeaseDriver) => Promise<void>): Promise<void> {
  const { createLeaseDriver } = (await import((subject.module as URL).href)) as {
    createLeaseDriver(options: object | undefined): LeaseDriver | Promise<LeaseDriver>;
  };
  const driver = await createLeaseDriver(subject.options?.(0));
  try {
    await body(driver);
  } finally {
    await driver.close?.();
  }
}

/** What held at a time; `to` is the last instant at which it was seen held. */
interface Span {
  readonly token: string;
  readonly from: number;
  readonly to: number;
}

/** No two overlap, and the later one has the greater token, if there are tokens. */
function expectOneAtATime(spans: readonly Span[]): void {
  const sorted = [...spans].sort((one, other) => one.from - other.from);
  for (const [index, span] of sorted.entries()) {
    const before = sorted[index - 1];
    if (before === undefined) continue;
    expect(span.from, `${JSON.stringify(before)} overlaps ${JSON.stringify(span)}`).toBeGreaterThanOrEqual(before.to);
    if (span.token !== 'undefined') expect(BigInt(span.token)).toBeGreaterThan(BigInt(before.token));
  }
}

function leading(subject: JobSubject): JobPromise[] {
  const { ttl } = subject;
  const long = enduring(subject);
  const short = ending(subject);
  const now = (): number => Number(process.hrtime.bigint()) / 1e6;
  return [
    {
      title: 'lead: of three candidates one leads at a time, each leads again and again, and tokens grow',
      run: () =>
        withParticipants(subject, 3, async (candidates, name) => {
          for (const one of candidates) one.send({ do: 'lead', name, lasts: 10 });
          const overs = (one: Participant): Report[] => one.reports.filter(({ over }) => over !== undefined);
          await Promise.all(candidates.map((one) => one.until(() => overs(one).length >= 4)));
          const spans = candidates
            .flatMap(overs)
            .flatMap(({ over = '', from = 0, to }) => (to === undefined ? [] : [{ token: over, from, to }]));
          expect(spans.length).toBeGreaterThan(8);
          expectOneAtATime(spans);
        }),
    },
    {
      title: 'lead: followers learn which process leads; resigning and an abort hand over at once',
      run: () =>
        withParticipants(subject, 2, async (candidates, name) => {
          const [first, second] = candidates as [Participant, Participant];
          // The pause lets the other one go first. Shared files keep no order, and the other one may run late.
          first.send({ do: 'lead', name, backOff: 4000, ...long });
          await first.until(({ term }) => term);
          expect(await first.until(({ self }) => self)).toMatchObject({ leader: first.pid });
          second.send({ do: 'lead', name, ...long });
          expect(await second.until(({ leader }) => leader)).toEqual({
            leader: first.pid,
            self: false,
            label: 'candidate',
          });
          expect(second.reports.some(({ term }) => term)).toBe(false);
          const resigned = now();
          first.send({ do: 'continue' });
          const { from = 0 } = await second.until(({ term }) => term);
          // Not by the end of a lease: the holder released it.
          if (long.ttl !== undefined) expect(from - resigned).toBeLessThan(long.ttl);
          // The one that resigned campaigns again, and follows.
          await first.until(({ leader, self }) => leader === second.pid && self === false);
          const ended = now();
          second.send({ do: 'end' });
          await second.until(({ ended: of }) => of);
          const terms = (): Report[] => first.reports.filter(({ term }) => term !== undefined);
          await first.until(() => terms().length === 2);
          if (long.ttl !== undefined) expect((terms()[1]?.from ?? 0) - ended).toBeLessThan(long.ttl);
          expect(second.reports.filter(({ term }) => term !== undefined)).toHaveLength(1);
          first.send({ do: 'end' });
          await first.until(({ ended: of }) => of);
        }),
    },
    {
      title: 'lead: after the leader is killed a follower leads within ttl + 2 s, with a greater token',
      run: () =>
        withParticipants(subject, 2, async (candidates, name) => {
          const [first, second] = candidates as [Participant, Participant];
          first.send({ do: 'lead', name, ...short });
          const { term: before } = await first.until(({ term }) => term);
          second.send({ do: 'lead', name, ...short });
          await second.until(({ leader }) => leader === first.pid);
          second.send({ do: 'count' });
          const killed = now();
          await first.kill();
          const { term, from = 0, late = 0 } = await second.until(({ term: of }) => of);
          // The promises run at the same time, and their processes keep each other waiting for seconds on a slow machine.
          expect(from - killed - late).toBeLessThan((short.ttl ?? 0) + 2000);
          if (ttl !== undefined) expect(BigInt(term as string)).toBeGreaterThan(BigInt(before as string));
        }),
    },
    ttl === undefined
      ? {
          title: 'lead: a leader that is stopped on one machine goes on leading, and no other leads',
          run: () =>
            withParticipants(subject, 2, async (candidates, name) => {
              const [first, second] = candidates as [Participant, Participant];
              first.send({ do: 'lead', name });
              await first.until(({ term }) => term);
              first.process.kill('SIGSTOP');
              second.send({ do: 'lead', name });
              await second.until(({ leader }) => leader === first.pid);
              // Long enough for a second look at the holder.
              await new Promise((passed) => setTimeout(passed, 1200));
              expect(second.reports.some(({ term }) => term)).toBe(false);
              first.process.kill('SIGCONT');
              first.send({ do: 'look' });
              expect(await first.until((report) => report.aborted !== undefined)).toEqual({ aborted: false });
            }),
        }
      : {
          title:
            'lead: a leader that was stopped for longer than the ttl finds its term over when it wakes, and follows',
          run: () =>
            withParticipants(subject, 2, async (candidates, name) => {
              const [first, second] = candidates as [Participant, Participant];
              first.send({ do: 'lead', name, ...short });
              const { term: before } = await first.until(({ term }) => term);
              second.send({ do: 'lead', name, ...long });
              await second.until(({ leader }) => leader === first.pid);
              first.process.kill('SIGSTOP');
              const { term } = await second.until(({ term: of }) => of);
              expect(BigInt(term as string)).toBeGreaterThan(BigInt(before as string));
              first.send({ do: 'look' });
              first.process.kill('SIGCONT');
              expect(await first.until((report) => report.aborted !== undefined)).toEqual({ aborted: true });
              const { to } = await first.until(({ over }) => over);
              expect(to).toBeUndefined();
              await first.until(({ leader, self }) => leader === second.pid && self === false);
              second.send({ do: 'end' });
              await second.until(({ ended }) => ended);
            }),
        },
  ];
}

function running(subject: JobSubject): JobPromise[] {
  const { ttl } = subject;
  const long = enduring(subject);
  const short = ending(subject);
  const result = async (one: Participant): Promise<NonNullable<Report['result']>> =>
    (await one.until((report) => report.result !== undefined)).result as NonNullable<Report['result']>;
  const promises: JobPromise[] = [
    {
      title: 'G31 oncePer: of four processes one runs the tick; the others learn which, when, and how it ended',
      run: () =>
        withParticipants(subject, 4, async (callers, name) => {
          for (const one of callers)
            one.send({ do: 'once', name, tick: 'a', afterCrash: 'again', how: 'throw', ...long });
          const results = await Promise.all(callers.map(result));
          const [runner, ...more] = callers.filter(({ reports }) => reports.some(({ runs }) => runs));
          expect(more).toEqual([]);
          for (const [index, { ran, error, record }] of results.entries()) {
            if (callers[index] === runner) expect(error).toBe('no paper');
            else {
              expect(ran).toBe(false);
              expect(record).toMatchObject({ by: { pid: runner?.pid }, outcome: 'failed', error: 'no paper' });
              expect(Date.parse(record?.ended ?? '')).toBeGreaterThanOrEqual(Date.parse(record?.began ?? ''));
            }
          }
          const [one] = callers as [Participant];
          one.reports.length = 0;
          one.send({ do: 'once', name, tick: 'b', afterCrash: 'skip', ...long });
          const value = ttl === undefined ? 'undefined' : 'bigint';
          expect(await result(one)).toMatchObject({ ran: true, value, record: { by: { pid: one.pid } } });
        }),
    },
    {
      title: 'G31 oncePer: a run that is killed in the middle counts with skip, and is run again with again',
      run: () =>
        withParticipants(subject, 3, async (callers, name) => {
          const [victim, skipping, repeating] = callers as [Participant, Participant, Participant];
          victim.send({ do: 'once', name, tick: 'a', afterCrash: 'skip', how: 'hang', ...short });
          expect((await victim.until(({ runs, result: failed }) => runs ?? failed)).result).toBeUndefined();
          skipping.send({ do: 'once', name, tick: 'a', afterCrash: 'skip', ...long });
          await victim.kill();
          const skipped = await result(skipping);
          expect(skipped).toMatchObject({ ran: false, record: { by: { pid: victim.pid }, outcome: 'unknown' } });
          expect(skipped.record?.ended).toBeUndefined();
          repeating.send({ do: 'once', name, tick: 'a', afterCrash: 'again', ...long });
          expect(await result(repeating)).toMatchObject({ ran: true, record: { outcome: 'done' } });
        }),
    },
    {
      title: 'G31 oncePer: a tick is forgotten after keep, and not before',
      run: () =>
        withParticipants(subject, 1, async (callers, name) => {
          const [one] = callers as [Participant];
          const call = async (keep: number): Promise<boolean | undefined> => {
            one.reports.length = 0;
            one.send({ do: 'once', name: `${name} ${keep}`, tick: 'a', afterCrash: 'skip', keep, ...long });
            return (await result(one)).ran;
          };
          expect(await call(60_000)).toBe(true);
          // Before the record is made: this process may learn late that it was.
          const begun = performance.now();
          expect(await call(1000)).toBe(true);
          while (!(await call(1000))) await new Promise((passed) => setTimeout(passed, 100));
          expect(performance.now() - begun).toBeGreaterThan(500);
          expect(await call(60_000)).toBe(false);
        }),
    },
  ];
  if (ttl === undefined) return promises;
  return [
    ...promises,
    {
      title:
        'G31 oncePer: a run that was stopped for longer than the ttl is told, and does not record over its successor',
      run: () =>
        withParticipants(subject, 3, async (callers, name) => {
          const [late, next, last] = callers as [Participant, Participant, Participant];
          late.send({ do: 'once', name, tick: 'a', afterCrash: 'again', how: 'hang', ...short });
          expect((await late.until(({ runs, result: failed }) => runs ?? failed)).result).toBeUndefined();
          late.process.kill('SIGSTOP');
          next.send({ do: 'once', name, tick: 'a', afterCrash: 'again', ...long });
          expect(await result(next)).toMatchObject({ ran: true });
          late.send({ do: 'continue' });
          late.process.kill('SIGCONT');
          expect(await result(late)).toEqual({ error: 'ERR_LEASE_LOST' });
          last.send({ do: 'once', name, tick: 'a', afterCrash: 'again', ...long });
          expect(await result(last)).toMatchObject({ ran: false, record: { by: { pid: next.pid }, outcome: 'done' } });
        }),
    },
  ];
}

function holding(subject: JobSubject, permits: boolean): JobPromise[] {
  if (subject.ttl === undefined) return [];
  const long = lasting;
  const short = ending(subject);
  const admitted: JobPromise = {
    title: 'permits: two of three processes hold, each with its token and signal; the third follows one that is killed',
    run: () =>
      withParticipants(subject, 3, async (holders, name) => {
        const [one, two, three] = holders as [Participant, Participant, Participant];
        for (const [holder, term] of [
          [one, short],
          [two, long],
        ] as const) {
          holder.send({ do: 'hold', name, permits: 2, ...term });
          expect(await holder.until(({ held }) => held)).toMatchObject({ aborted: false });
        }
        three.send({ do: 'hold', name, permits: 2, ...long });
        await withDriver(subject, async (driver) => {
          await expect(lease(name, { driver, ...long, permits: 2, blocking: false })).rejects.toMatchObject({
            code: 'ERR_LEASE_NOT_ACQUIRED',
          });
        });
        expect(three.reports.some(({ held }) => held)).toBe(false);
        await one.kill();
        const { held: token } = await three.until(({ held }) => held);
        two.send({ do: 'look' });
        await two.until(({ aborted, held }) => held === undefined && aborted === false);
        const tokens = [one, two].map(({ reports }) => BigInt(reports.find(({ held }) => held)?.held as string));
        for (const earlier of tokens) expect(BigInt(token as string)).toBeGreaterThan(earlier);
        for (const holder of [two, three]) {
          holder.send({ do: 'continue' });
          await holder.until(({ released }) => released);
        }
      }),
  };
  return [
    ...(permits ? [admitted] : []),
    {
      title:
        'G13 leaseAll: processes that name the same leases in other orders never deadlock, and hold all of them alone',
      run: () =>
        withParticipants(subject, 3, async (callers, name) => {
          const names = ['a', 'b', 'c'].map((one) => `${name}${one}`);
          const [a, b, c] = names as [string, string, string];
          const orders = [names, [c, b, a], [b, c, a, b]];
          for (const [index, one] of callers.entries())
            one.send({ do: 'all', names: orders[index], rounds: 4, ...long });
          await Promise.all(callers.map((one) => one.until(({ ended }) => ended)));
          const held = callers.flatMap(({ reports }) => reports.filter(({ all }) => all !== undefined));
          expect(held).toHaveLength(12);
          for (const { all, tokens } of held) {
            expect(all).toEqual(names);
            expect(tokens).toHaveLength(3);
          }
          for (const index of names.keys()) {
            expectOneAtATime(
              held.flatMap(({ tokens, from = 0, to }) =>
                to === undefined ? [] : [{ token: tokens?.[index] as string, from, to }],
              ),
            );
          }
        }),
    },
    {
      title: 'leaseAll: all or nothing: of a call that is aborted while it waits for one, no lease is left',
      run: () =>
        withParticipants(subject, 1, async (callers, name) => {
          const [holder] = callers as [Participant];
          holder.send({ do: 'hold', name: `${name} b`, ...long });
          await holder.until(({ held }) => held);
          await withDriver(subject, async (driver) => {
            const names = ['c', 'b', 'a'].map((one) => `${name} ${one}`);
            const reason = new Error('it waits');
            const change = new AbortController();
            const onWait = (): void => change.abort(reason);
            await expect(leaseAll(names, { driver, ...long, signal: change.signal, onWait })).rejects.toBe(reason);
            // Free at once, not after a ttl.
            for (const free of [`${name} a`, `${name} c`])
              await lease(free, { driver, ...long, blocking: false }, () => {});
            holder.send({ do: 'continue' });
            await holder.until(({ released }) => released);
            await leaseAll(names, { driver, ...long, blocking: false }, ({ leases }) => expect(leases).toHaveLength(3));
          });
        }),
    },
  ];
}

/** The promises, for the engine of `subject`. `permits`: whether its driver admits several holders. */
export function jobPromises(subject: JobSubject, { permits = true } = {}): readonly JobPromise[] {
  return [...leading(subject), ...running(subject), ...holding(subject, permits)];
}
