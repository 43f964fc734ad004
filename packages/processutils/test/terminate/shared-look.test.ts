import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { execute, ProcessAbortedError } from '@oslo-concurrency/processutils';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createMark, forgetMarks, marksOf } from '../../src/terminate/command-mark.js';
import { findProcess, listProcesses, type ProcessEntry } from '../../src/terminate/process-table.js';
import { Look, lookCost, lookNow, nextLook, onLook } from '../../src/terminate/shared-look.js';
import { terminateTree } from '../../src/terminate/terminate-tree.js';
import { TreeHunt } from '../../src/terminate/tree-hunt.js';
import { fixture, killAll, processesWith, uniqueSleep, until } from '../support/processes.js';

let token = '';
afterEach(() => {
  killAll(token || undefined);
  token = '';
  forgetMarks();
});

/** A sleeping process, with marks or without. */
async function sleeper(env: Record<string, string> = {}): Promise<ProcessEntry> {
  token ||= uniqueSleep();
  const child = spawn('sleep', [token], { env: { PATH: process.env.PATH, ...env } });
  await once(child, 'spawn');
  const entry = findProcess(child.pid ?? 0);
  if (entry === undefined) throw new Error('the sleeper has ended');
  return entry;
}

const entryOf = (facts: Partial<ProcessEntry> & { pid: number }): ProcessEntry => ({
  ...{ parent: 1, group: facts.pid, session: facts.pid, start: 1000, zombie: false, uninterruptible: false },
  ...{ name: 'made up' },
  ...facts,
});
// The kernel gives no process such a number.
const nobody = 2 ** 22 + 7;

describe('a look at the processes', () => {
  it('serves all callers of the same turn', async () => {
    const looks = await Promise.all(Array.from({ length: 200 }, () => nextLook(0)));
    expect(new Set(looks).size).toBe(1);
  });

  it('serves together callers that ask for it at almost the same moment', async () => {
    const looks = await Promise.all([nextLook(20), nextLook(21), nextLook(20.5)]);
    expect(new Set(looks).size).toBe(1);
  });

  it('costs what its reading and its waiters took, not what callers do who go on in the same turn', async () => {
    const works = (ms: number): void => {
      for (const end = performance.now() + ms; performance.now() < end; );
    };
    await nextLook(0);
    onLook(() => works(50));
    works(1000);
    await nextLook(0);
    expect(lookCost()).toBeGreaterThanOrEqual(50);
    expect(lookCost()).toBeLessThan(1000);
  });

  it('is never older than the request for it', async () => {
    const before = await nextLook(0);
    const { pid } = await sleeper();
    expect(before.process(pid)).toBeUndefined();
    expect((await nextLook(0)).process(pid)).toMatchObject({ pid, parent: process.pid });
  });

  it('begins when it was asked for, though others wait for an earlier or a later one', async () => {
    const order: string[] = [];
    const start = performance.now();
    let middle = 0;
    await Promise.all([
      nextLook(120).then(() => order.push('late')),
      nextLook(60).then(() => {
        order.push('middle');
        middle = performance.now() - start;
      }),
      nextLook(0).then(() => order.push('early')),
    ]);
    expect(order).toEqual(['early', 'middle', 'late']);
    expect(middle).toBeGreaterThan(57);
  });

  it('finds the carriers of a mark though another mark, of a younger command, was asked for first', async () => {
    const [older, younger] = [createMark(), createMark()];
    const first = await sleeper(older.environment({}));
    // The clock of the process table ticks every 10 ms.
    await pause(30);
    const second = await sleeper(younger.environment({}));
    expect(second.start).toBeGreaterThan(first.start);
    const look = lookNow();
    expect(look.carriersOf(younger.id, second.start).found.map(({ pid }) => pid)).toEqual([second.pid]);
    expect(look.carriersOf(older.id, first.start).found.map(({ pid }) => pid)).toEqual([first.pid]);
    expect(look.carriersOf(older.id, first.start).found.map(({ pid }) => pid)).toEqual([first.pid]);
  });

  it('G23 finds the carriers of the mark of an outer command under a command that one of its descendants runs', async () => {
    const marks = [createMark(), createMark(), createMark()];
    const { pid, start } = await sleeper(
      marks.reduce<Record<string, string>>((env, mark) => mark.environment(env), {}),
    );
    for (const { id } of marks) {
      expect(
        lookNow()
          .carriersOf(id, start)
          .found.map((entry) => entry.pid),
      ).toEqual([pid]);
    }
  });

  it('takes a process that got the number of another for itself only', async () => {
    const mark = createMark();
    const child = spawn('sleep', [uniqueSleep()], { env: mark.environment({ PATH: process.env.PATH ?? '' }) });
    await once(child, 'spawn');
    const { pid, start } = findProcess(child.pid ?? 0) as ProcessEntry;
    expect(marksOf({ pid, start })?.has(mark.id)).toBe(true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(marksOf({ pid, start: start + 1 })).toBeUndefined();
  });

  it('G29 finds a process that was born while the others were read, child of one that ended meanwhile or not', async () => {
    const mark = createMark();
    const read = listProcesses();
    const born = await sleeper(mark.environment({}));
    const look = new Look([...read, entryOf({ pid: nobody, start: born.start })]);
    const { found, disturbed } = look.carriersOf(mark.id, 0);
    expect([found.map(({ pid }) => pid), disturbed]).toEqual([[born.pid], false]);
  });
});

/** One in which processes ended faster than they could be read. */
class DisturbedLook extends Look {
  override carriersOf() {
    return { found: [], disturbed: true };
  }
}

describe('a hunt', () => {
  const root = { pid: nobody, start: 1000 };
  const hunt = (): TreeHunt => new TreeHunt({ root, ownGroup: true, mark: '1' }, undefined);
  const stranger = entryOf({ pid: nobody + 1, start: 999 });

  it('that finds no process in a disturbed look is not over, and is over in the next one that is undisturbed', () => {
    const hunting = hunt();
    expect(hunting.signalMembers('SIGTERM', new DisturbedLook([stranger]))).toBe('disturbed');
    expect(hunting.isOver).toBe(false);
    expect(hunting.survivors()).toEqual([
      { pid: 0, name: 'unknown', reason: expect.stringMatching(/ended at every look/) },
    ]);
    expect(hunting.signalMembers('SIGTERM', new Look([stranger]))).toBe('done');
    expect(hunting.isOver).toBe(true);
    expect(hunting.survivors()).toEqual([]);
  });

  it('G29 that finds only a process that refuses signals is over when no other can have been missed', () => {
    const spy = vi.spyOn(process, 'kill').mockImplementation(() => {
      throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' });
    });
    try {
      const hunting = hunt();
      const refusing = { pid: nobody, name: 'made up', reason: 'not permitted' };
      expect(hunting.signalMembers('SIGKILL', new DisturbedLook([entryOf(root)]))).toBe('more');
      expect(hunting.isOver).toBe(false);
      expect(hunting.survivors()).toEqual([
        refusing,
        { pid: 0, name: 'unknown', reason: expect.stringMatching(/ended at every look/) },
      ]);
      expect(hunting.signalMembers('SIGKILL', new Look([entryOf(root)]))).toBe('more');
      expect(hunting.isOver).toBe(true);
      expect(hunting.survivors()).toEqual([refusing]);
    } finally {
      spy.mockRestore();
    }
  });

  it('G29 looks for the children of a process that refuses signals, though that one carries the mark', async () => {
    const mark = createMark();
    const { pid, start } = await sleeper(mark.environment({}));
    const kill = process.kill.bind(process);
    const refusing = (target: number, signal?: string | number): true => {
      if (target === pid) throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' });
      return kill(target, signal);
    };
    const spy = vi.spyOn(process, 'kill').mockImplementation(refusing);
    try {
      const hunting = new TreeHunt({ root: { pid, start }, ownGroup: false, mark: mark.id }, undefined);
      hunting.signalMembers('SIGKILL', lookNow());
      const read = listProcesses();
      const born = await sleeper(mark.environment({}));
      hunting.signalMembers('SIGKILL', new Look(read));
      await until(() => findProcess(born.pid)?.zombie !== false);
      await vi.waitFor(() => {
        hunting.signalMembers('SIGKILL', lookNow());
        expect(hunting.isOver).toBe(true);
      }, 5000);
      expect(hunting.survivors().map((left) => left.pid)).toEqual([pid]);
    } finally {
      spy.mockRestore();
    }
  });

  it('G23 finds what is in the session of the command, in a group of its own and child of another process', () => {
    const moved = entryOf({ pid: nobody + 2, session: nobody, start: 1001 });
    const hunting = hunt();
    expect(hunting.signalMembers('SIGTERM', new Look([entryOf(root), moved, stranger]))).toBe('more');
    expect(hunting.survivors().map(({ pid }) => pid)).toEqual([nobody, nobody + 2]);
  });

  it.each([
    ['was seen empty', []],
    ['leads to another process', [entryOf({ pid: nobody, start: 2000 })]],
  ])('takes no process of a group whose number %s', (_what, between) => {
    const other = entryOf({ pid: nobody + 2, group: nobody, start: 2001 });
    const hunting = hunt();
    expect(hunting.signalMembers('SIGTERM', new Look([entryOf(root), stranger]))).toBe('more');
    if (between.length === 0) expect(hunting.signalMembers('SIGTERM', new Look([stranger]))).toBe('done');
    expect(hunting.signalMembers('SIGTERM', new Look([...between, other, stranger]))).toBe('done');
  });

  it('finds the children of children, whatever the order of the list', () => {
    const child = entryOf({ pid: nobody + 2, parent: nobody, start: 1001 });
    const grandchild = entryOf({ pid: nobody + 3, parent: nobody + 2, start: 1002 });
    for (const entries of [
      [grandchild, child, entryOf(root), stranger],
      [stranger, entryOf(root), child, grandchild],
    ]) {
      const hunting = hunt();
      expect(hunting.signalMembers('SIGTERM', new Look(entries))).toBe('more');
      expect(hunting.survivors().map(({ pid }) => pid)).toEqual([nobody, nobody + 2, nobody + 3]);
    }
  });

  it('G23 asks a process to end once, and sends SIGKILL again at every look that shows it', async () => {
    const { pid, start } = await sleeper();
    const sent: unknown[] = [];
    const spy = vi.spyOn(process, 'kill').mockImplementation((_pid, signal) => {
      sent.push(signal);
      return true;
    });
    try {
      const hunting = new TreeHunt({ root: { pid, start }, ownGroup: false, mark: undefined }, undefined);
      for (const signal of ['SIGTERM', 'SIGTERM', 'SIGKILL', 'SIGKILL', 'SIGKILL'] as const) {
        hunting.signalMembers(signal, lookNow());
      }
    } finally {
      spy.mockRestore();
    }
    expect(sent).toEqual(['SIGTERM', 'SIGCONT', 'SIGKILL', 'SIGKILL', 'SIGKILL']);
  });

  it('G23 goes on behind the back of its caller when its time was too short, until no process is left', async () => {
    const mark = createMark();
    token = uniqueSleep();
    const env = mark.environment({ PATH: process.env.PATH ?? '' });
    const fork = (): void => void spawn('sleep', [token], { env });
    fork();
    // One more before each look, which comes 3 ms after the last one.
    const forking = setInterval(fork, 1);
    const { remaining } = await terminateTree({ ownGroup: false, mark: mark.id }, 0, undefined);
    clearInterval(forking);
    expect(remaining.length).toBeGreaterThan(0);
    // No look before the end has seen this one.
    fork();
    await until(() => processesWith(token).length === 0);
  });

  it('takes no process that is older than the command, child or not', () => {
    const older = entryOf({ pid: nobody + 2, parent: nobody, group: nobody, session: nobody, start: 999 });
    const hunting = hunt();
    hunting.signalMembers('SIGTERM', new Look([entryOf(root), older]));
    expect(hunting.survivors().map(({ pid }) => pid)).toEqual([nobody]);
  });
});

it('G23 forty commands that are ended at once leave none of their descendants, and touch no other command', async () => {
  token = uniqueSleep();
  const abort = new AbortController();
  const other = new AbortController();
  let ready = 0;
  const start = (signal: AbortSignal): Promise<unknown> =>
    execute(fixture('double-forks.sh'), [token], {
      signal,
      killGrace: 10_000,
      onStdoutLine: () => {
        ready += 1;
      },
    }).catch((error: unknown) => error);
  const spared = start(other.signal);
  await until(() => ready === 1);
  const kept = processesWith(token);
  const running = Array.from({ length: 40 }, () => start(abort.signal));
  await until(() => ready === 41, 30_000);
  abort.abort();
  for (const error of await Promise.all(running)) {
    expect(error).toBeInstanceOf(ProcessAbortedError);
    expect(error).toMatchObject({ endedBy: 'SIGTERM', remaining: [] });
  }
  await until(() => processesWith(token).length === kept.length);
  expect(processesWith(token)).toEqual(kept);
  other.abort();
  await spared;
});
