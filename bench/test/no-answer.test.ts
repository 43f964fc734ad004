import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Contestant, endContestants } from '../src/contestant.mjs';

// Seconds.
const patience = 3;
let directory: string;
let contestant: Contestant;
const contend = (ms: number) =>
  contestant.ask('contend', { subject: 'ours', directory, name: 'name', startAt: Date.now(), ms, holdMs: 0 });

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'bench-test-'));
  contestant = new Contestant('locks.mjs', [], process.execPath, patience);
  await contestant.ask('probe', { subject: 'ours', directory });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await endContestants();
  rmSync(directory, { recursive: true, force: true });
});

function standStill(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, (patience + 2) * 1000);
}

describe('a contestant that is late', () => {
  it('is not given up if the run stood still, and the answer is there', async () => {
    const answer = contend(100);
    standStill();
    expect(await answer).toMatchObject({ grants: expect.any(Number) });
  });

  it('is not given up if it stood still together with the run', async () => {
    const answer = contend(400);
    process.kill(contestant.pid as number, 'SIGSTOP');
    standStill();
    process.kill(contestant.pid as number, 'SIGCONT');
    expect(await answer).toMatchObject({ grants: expect.any(Number) });
  });

  it('is given up otherwise, and the run names the question and shows where the process stands', async () => {
    const shown = vi.spyOn(console, 'error').mockImplementation(() => {});
    await expect(contend(60_000)).rejects.toThrow(
      `process ${contestant.pid} gave no answer to contend {"subject":"ours"`,
    );
    const text = shown.mock.calls.flat().join('\n');
    expect(text).toMatch(new RegExp(`No answer from process ${contestant.pid}: state \\w,`));
    // The debugger may not stop a busy process in time, so there may be no frame below it.
    expect(text).toContain(`Stack of ${contestant.pid}:`);
    expect(text).toMatch(/name \d+ bytes/);
  });
});
