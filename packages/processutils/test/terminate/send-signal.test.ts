import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createMark, marksOf } from '../../src/terminate/command-mark.js';
import { findProcess } from '../../src/terminate/process-table.js';
import { mayBeSignalled, sendSignal } from '../../src/terminate/send-signal.js';
import { lookNow } from '../../src/terminate/shared-look.js';
import { TreeHunt } from '../../src/terminate/tree-hunt.js';

afterEach(() => vi.restoreAllMocks());

/** What would have been signalled, and is not. */
function recordSignals(): [number, unknown][] {
  const sent: [number, unknown][] = [];
  vi.spyOn(process, 'kill').mockImplementation((pid, signal) => {
    sent.push([pid, signal]);
    return true;
  });
  return sent;
}

describe('a signal', () => {
  it.each([
    ['this group', 0],
    ['everybody', -1],
    ['the first process', 1],
    ['this process', process.pid],
    ['its group', -process.pid],
    ['its parent', process.ppid],
    ['the group of that', -process.ppid],
    ['no pid at all', Number.NaN],
    ['half a pid', 2.5],
    ['a pid that is missing', undefined as unknown as number],
  ])('is never sent to %s', (_whom, pid) => {
    const sent = recordSignals();
    expect(mayBeSignalled(pid)).toBe(false);
    for (const signal of ['SIGTERM', 'SIGKILL', 'SIGCONT', 0] as const) expect(sendSignal(pid, signal)).toBe('gone');
    expect(sent).toEqual([]);
  });

  it('is not sent to a process that started at another time than the one that was meant', async () => {
    const child = spawn('sleep', ['60']);
    await once(child, 'spawn');
    const pid = child.pid ?? 0;
    const start = findProcess(pid)?.start ?? 0;
    expect(sendSignal(pid, 'SIGKILL', start - 1)).toBe('gone');
    expect(child.signalCode).toBe(null);
    expect(sendSignal(pid, 'SIGKILL', start)).toBe('sent');
    await once(child, 'exit');
  });

  it.each([
    ['a root that is this process', process.pid],
    ['a root that is its parent', process.ppid],
    ['a root that is the first process', 1],
  ])('is sent to no process by a hunt with %s', (_what, pid) => {
    const sent = recordSignals();
    for (const start of [0, findProcess(pid)?.start ?? 0]) {
      const hunt = new TreeHunt({ root: { pid, start }, ownGroup: true, mark: createMark().id }, undefined);
      expect(hunt.signalMembers('SIGTERM', lookNow())).toBe('done');
      expect(hunt.signalMembers('SIGKILL', lookNow())).toBe('done');
    }
    expect(sent).toEqual([]);
  });

  it('is sent to no process for a mark that is empty, or that others merely contain', () => {
    const sent = recordSignals();
    for (const mark of ['', ' ', '1', ',', 'unlimited']) {
      expect(marksOf({ pid: process.pid, start: findProcess(process.pid)?.start ?? 0 })?.has(mark)).toBe(false);
      new TreeHunt({ ownGroup: false, mark }, undefined).signalMembers('SIGKILL', lookNow());
    }
    expect(sent).toEqual([]);
  });

  it('is sent to no group of a number that the root has no more', async () => {
    const stranger = spawn('sleep', ['60'], { detached: true });
    await once(stranger, 'spawn');
    const sent = recordSignals();
    const root = { pid: stranger.pid ?? 0, start: (findProcess(stranger.pid ?? 0)?.start ?? 0) - 1 };
    const hunt = new TreeHunt({ root, ownGroup: true, mark: createMark().id }, undefined);
    expect(hunt.signalMembers('SIGKILL', lookNow())).toBe('done');
    expect(sent).toEqual([]);
    vi.restoreAllMocks();
    stranger.kill('SIGKILL');
  });
});
