import { realTime } from '@oslo-concurrency/core';
import { forgetMarks } from './command-mark.js';
import type { CommandTree, Ending, PrivilegedSignal } from './command-tree.js';
import { lookCost, nextLook, onLook } from './shared-look.js';
import { TreeHunt } from './tree-hunt.js';
import { endWindowsTree } from './windows-tree.js';

// G23 allows 200 ms after the grace; this much of them goes into killing, the rest into closing pipes.
const killingTime = 130;

// On a machine so busy that this was too little, the hunt goes on for this many ms after the caller has its answer.
const afterHunt = 5000;

/**
 * Ends all processes of a command: its `killSignal`, after `grace` ms SIGKILL, repeated until a look finds none. Resolves 130 ms
 * after the first SIGKILL at the latest; what was forked in that time and not seen yet is still hunted, for 5 s.
 *
 * Why no process escapes that could be found, and no other process is hit:
 * - A member is the root, every process in the root's session or group, every process that carries the mark, every child
 *   of a member, and every process that was a member at the last look. One that forks between two looks leaves a child that is a
 *   member by the same rules, so looking again finds it; a look that finds none ends the hunt.
 * - Killing a whole group is one step for the kernel, a fork in progress included, so a fork bomb inside it cannot
 *   outrun it. Those that left the group are killed one by one, the oldest first, so that no parent replaces its children.
 * - A stopped process gets a signal only when continued, so SIGCONT follows it. SIGKILL needs none.
 * - Members are known by pid and start time, compared at most 25 ms before they are signalled, so a process
 *   with a reused pid is not taken for a member. The number of a group cannot be reused while a process is in it: the group
 *   is ours from when a member by another rule is seen in it (the root at first, which is not waited for yet) until it is
 *   seen empty.
 * Windows has its own way, see {@link endWindowsTree}.
 *
 * Should this process die half-way, what was not signalled yet lives on, unless `killOnParentExit` watches it too.
 */
export async function terminateTree(
  tree: CommandTree,
  grace: number,
  signalAsRoot: PrivilegedSignal | undefined,
): Promise<Ending> {
  if (process.platform === 'win32') return await endWindowsTree(tree);
  const hunt = new TreeHunt(tree, signalAsRoot);
  hunts += 1;
  let goesOn = false;
  try {
    const { killSignal = 'SIGTERM' } = tree;
    const ending = await huntDown(hunt, killSignal, killSignal === 'SIGKILL' ? 0 : grace);
    goesOn = !hunt.isOver;
    return ending;
  } finally {
    if (goesOn) void huntOn(hunt).finally(endHunt);
    else endHunt();
  }
}

let hunts = 0;

function endHunt(): void {
  hunts -= 1;
  if (hunts === 0) forgetMarks();
}

async function huntDown(hunt: TreeHunt, killSignal: NodeJS.Signals, grace: number): Promise<Ending> {
  const graceEnds = realTime.now() + grace;
  let look = await nextLook(0);
  for (let wait = 5; ; wait = Math.min(wait * 2, 100)) {
    const last = look;
    const found = onLook(() => hunt.signalMembers(killSignal, last));
    if (found === 'done') return { endedBy: killSignal, remaining: hunt.survivors() };
    const now = realTime.now();
    if (now >= graceEnds) break;
    if (found === 'disturbed') wait = 1;
    // On a machine with very many processes a look takes long; it must not take more than a fifth of the time.
    look = await nextLook(Math.min(Math.max(wait, lookCost() * 4), graceEnds - now));
  }
  const killingEnds = realTime.now() + killingTime;
  while (hunt.signalMembers('SIGKILL', look) !== 'done' && realTime.now() < killingEnds) look = await nextLook(3);
  return { endedBy: 'SIGKILL', remaining: hunt.survivors() };
}

/** Keeps this process from ending by itself meanwhile: a process that is left then would be left for good. */
async function huntOn(hunt: TreeHunt): Promise<void> {
  const end = realTime.now() + afterHunt;
  for (let wait = 10; !hunt.isOver && realTime.now() < end; wait = Math.min(wait * 2, 200)) {
    hunt.signalMembers('SIGKILL', await nextLook(wait));
  }
}
