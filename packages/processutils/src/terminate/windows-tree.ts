import { execFile } from 'node:child_process';
import { realTime } from '@oslo-concurrency/core';
import type { CommandTree, Ending, SurvivingProcess } from './command-tree.js';
import { mayBeSignalled, sendSignal } from './send-signal.js';
import { listWindowsProcesses, systemProgram, type WindowsProcess } from './windows-table.js';

const unlisted = 'the processes of this machine cannot be listed: what the command started is not seen';

// Each look takes up to a second.
const longest = 15_000;

/** What {@link endWindowsTree} asks of the system. */
export interface WindowsCalls {
  /** Ends a process and its descendants at once, as far as Windows finds them. */
  readonly endTree: (pid: number) => Promise<void>;
  readonly list: () => Promise<readonly WindowsProcess[] | undefined>;
  readonly end: (pid: number) => 'sent' | 'gone' | 'refused';
}

const calls: WindowsCalls = {
  endTree: (pid) =>
    new Promise((resolve) => {
      const options = { timeout: longest, windowsHide: true };
      try {
        execFile(systemProgram('taskkill.exe'), ['/T', '/F', '/PID', String(pid)], options, () => resolve());
      } catch {
        // No descriptors are left.
        resolve();
      }
    }),
  list: listWindowsProcesses,
  end: (pid) => sendSignal(pid, 'SIGKILL'),
};

/**
 * Ends all processes of a command on Windows, which has no signals: a process can be ended, not asked to end. So there is
 * no grace, and `endedBy` is SIGKILL.
 *
 * `taskkill /T` ends those that are linked to the root. Then the processes of the machine are listed and what is left is
 * ended, until a look finds none: only then nothing remains. A member is the root, and each process that a member has
 * started. Windows keeps the pid of the parent when the parent has ended, so a process whose parent was seen once is
 * found. One whose parent had ended before the first look, and was not started by the root, is not.
 *
 * A pid may be another process's by now. Start times tell them apart: the root started between `start` and `startedBy`,
 * and no process starts before its parent. (wmic lists no start times that can be compared; then a pid that was used again within
 * the moments of this hunt is taken for the member.)
 */
export async function endWindowsTree({ root }: CommandTree, system: WindowsCalls = calls): Promise<Ending> {
  const ending = { endedBy: 'SIGKILL' } as const;
  // Nothing was started; what is found by a mark elsewhere cannot be found here.
  if (root === undefined) return { ...ending, remaining: [] };
  const refused = new Set<number>();
  await system.endTree(root.pid);
  if (mayBeSignalled(root.pid)) system.end(root.pid);
  const known = new Map<number, Span>();
  const end = realTime.now() + longest;
  for (;;) {
    const table = await system.list();
    if (table === undefined) {
      return { ...ending, remaining: [{ pid: 0, name: 'unknown', reason: unlisted }] };
    }
    const members = membersIn(table, root, known).filter(({ pid }) => mayBeSignalled(pid));
    if (members.length === 0) return { ...ending, remaining: [] };
    if (realTime.now() > end || members.every(({ pid }) => refused.has(pid))) {
      return { ...ending, remaining: members.map((member) => survivor(member, refused)) };
    }
    for (const { pid } of members) if (system.end(pid) === 'refused') refused.add(pid);
  }
}

// The clock that stamps a process and the one that we read may differ by this much, in ms.
const tolerance = 100;

interface Span {
  readonly earliest: number;
  readonly latest: number;
}

/** The processes of the command in a table. `known`: when those found so far started; new ones are added. */
function membersIn(
  table: readonly WindowsProcess[],
  root: NonNullable<CommandTree['root']>,
  known: Map<number, Span>,
): WindowsProcess[] {
  const byPid = new Map(table.map((entry) => [entry.pid, entry]));
  if (!known.has(root.pid)) {
    known.set(root.pid, { earliest: root.start - tolerance, latest: (root.startedBy ?? root.start) + tolerance });
  }
  const members = new Set<WindowsProcess>();
  // The loop also visits what it adds.
  for (const [pid, span] of known) {
    const entry = byPid.get(pid);
    const itself = entry === undefined || isWithin(entry, span);
    if (entry !== undefined && itself) members.add(entry);
    for (const child of table) {
      if (child.parent !== pid || child === entry || known.has(child.pid)) continue;
      const { start } = child;
      // Another process that has the pid by now started after the parent had ended, and its children after that.
      const isOurs = start === undefined || (start >= span.earliest && (itself || start < (entry.start ?? 0)));
      if (isOurs) known.set(child.pid, start === undefined ? always : { earliest: start, latest: start });
    }
  }
  return [...members];
}

const always: Span = { earliest: Number.NEGATIVE_INFINITY, latest: Number.POSITIVE_INFINITY };

function isWithin({ start }: WindowsProcess, { earliest, latest }: Span): boolean {
  return start === undefined || (start >= earliest && start <= latest);
}

function survivor({ pid, name }: WindowsProcess, refused: ReadonlySet<number>): SurvivingProcess {
  return { pid, name, reason: refused.has(pid) ? 'not permitted' : 'still running' };
}
