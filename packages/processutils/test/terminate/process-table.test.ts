import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execute } from '@oslo-concurrency/processutils';
import { describe, expect, it } from 'vitest';
import { hasPython, python } from '../../../../installed.js';
import { createMark, marksOf } from '../../src/terminate/command-mark.js';
import { findProcess, listProcesses, type ProcessEntry } from '../../src/terminate/process-table.js';
import { endLeftovers, uniqueSleep, until } from '../support/processes.js';
import { rejection } from '../support/rejection.js';

endLeftovers();

/** How many threads of a process still run. */
function threadsOf(pid: number): number {
  try {
    const task = `/proc/${pid}/task`;
    return readdirSync(task).filter((id) => !/\) [ZX] /.test(readFileSync(join(task, id, 'stat'), 'latin1'))).length;
  } catch {
    return 0;
  }
}

describe.skipIf(process.platform !== 'linux')('the table of processes', () => {
  it.each(['a) Z 1 (b', ') X'])('reads a process whose program is named %j', async (name) => {
    const program = join(mkdtempSync(join(tmpdir(), 'named-')), name);
    copyFileSync('/bin/sleep', program);
    const child = spawn(program, [uniqueSleep()]);
    await once(child, 'spawn');
    const is = { pid: child.pid, parent: process.pid, name, zombie: false };
    expect(findProcess(child.pid ?? 0)).toMatchObject(is);
    expect(listProcesses().find(({ pid }) => pid === child.pid)).toMatchObject(is);
  });

  it.runIf(hasPython)('G23 counts a process among the living whose first thread has ended, and ends it', async () => {
    const program = [
      'import ctypes, threading, time',
      `threading.Thread(target=time.sleep, args=(${uniqueSleep()},)).start()`,
      // This thread alone: the kernel shows the process as a zombie from then on.
      "print('ready', flush=True)",
      'ctypes.CDLL(None).pthread_exit(None)',
    ].join('\n');
    let pid = 0;
    const abort = new AbortController();
    const running = execute(python, ['-c', program], {
      signal: abort.signal,
      killGrace: 200,
      onExecute: (command) => {
        pid = command.pid;
      },
    });
    const ended = rejection(running);
    await until(() => pid > 0 && /\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1')));
    expect(findProcess(pid)).toMatchObject({ pid, zombie: false });
    abort.abort();
    expect(await ended).toMatchObject({ remaining: [] });
    await until(() => threadsOf(pid) === 0);
  });

  it('asks a process again for its mark, which comes with its first program', async () => {
    const mark = createMark();
    const [entry] = Object.entries(mark.environment({})).map(([key, value]) => `${key}=${value}`);
    const child = spawn('sh', ['-c', `read go; exec env ${entry} sleep ${uniqueSleep()}`]);
    await once(child, 'spawn');
    const found = findProcess(child.pid ?? 0) as ProcessEntry;
    expect(marksOf(found)?.has(mark.id)).toBe(false);
    child.stdin.write('\n');
    await until(() => marksOf(found)?.has(mark.id) === true);
  });
});
