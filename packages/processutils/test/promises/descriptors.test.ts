import { execute } from '@oslo-concurrency/processutils';
import { afterEach, describe, expect, it } from 'vitest';
import { fixture, killAll, processesWith, uniqueSleep, until } from '../support/processes.js';

let token: string | undefined;
afterEach(() => {
  killAll(token);
  token = undefined;
});

describe('a process that has no file descriptors left', () => {
  it('G23 gets an error from execute, never an uncaught one, and still finds all it has to end', async () => {
    token = uniqueSleep();
    const program = [process.execPath, fixture('runs-out-of-descriptors.mjs'), token].join(' ');
    const { stdout } = await execute('sh', ['-c', `ulimit -n 128 && exec ${program}`]);
    const said = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(said.filter(({ uncaught }) => uncaught !== undefined)).toEqual([]);
    const outcomes = said.flatMap(({ outcome }) => (outcome === undefined ? [] : [outcome]));
    const failures = outcomes.filter((outcome) => outcome !== 'done');
    expect(outcomes).toHaveLength(32);
    expect(failures.length).toBeGreaterThan(20);
    for (const failure of failures) {
      expect(failure).toMatchObject({ code: 'ERR_PROCESS_EXECUTION' });
      expect((failure as { description: string }).description).toMatch(
        /no file descriptors are left \(EMFILE\)|cannot be started/,
      );
    }
    expect(said.at(-1)).toEqual({ ended: { code: 'ERR_PROCESS_ABORTED', remaining: [] } });
    await until(() => processesWith(`sleep\0${token}`).length === 0);
  });
});
