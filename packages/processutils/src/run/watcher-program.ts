// The program of the process that ends commands whose parent has ended; see parent-exit-watch.ts, its other side.
import { createInterface } from 'node:readline';
import { realTime } from '@oslo-concurrency/core';
import { signalThrough } from '../command/root-helper.js';
import { terminateTree } from '../terminate/terminate-tree.js';
import type { WatchedTree, WatchMessage } from './parent-exit-watch.js';

// Together with the 130 ms of killing well within the second that G23 gives, on a busy machine too.
const grace = 250;

// What the kernel has still to do for a program that it executes; on a busy machine it may be held up there.
const startLimit = 2000;
const longestPause = 200;

const first = JSON.parse(process.env.WATCHED_TREES ?? '[]') as WatchedTree[];
const trees = new Map(first.map((tree) => [tree.mark, tree]));
const input = createInterface({ input: process.stdin });
input.on('line', (line) => {
  let message: WatchMessage;
  try {
    message = JSON.parse(line) as WatchMessage;
  } catch {
    // The parent died in the middle of a line: the line before it about this command still holds.
    return;
  }
  if ('watch' in message) trees.set(message.watch, message.tree);
  else trees.delete(message.forget);
});
input.on('close', () => {
  for (const tree of trees.values()) void endTree(tree);
});

/**
 * Ends a tree whose parent has died.
 *
 * The parent reports the root when the command has started. If it dies before that, where the command is depends on when:
 * - before the fork: no process comes of it.
 * - between fork and exec: the child is a copy of the parent still. It has the parent's environment and limits, so no mark,
 *   and no look would find it. But it also has a copy of the parent's end of the pipe, which closes at exec only. So the watcher
 *   does not even learn of the death before the command is executed, however long that takes.
 * - in exec: the kernel closes the pipe first and then gives the process its new environment. That is a moment; should the
 *   child be held up there, a look finds no mark. So one look proves nothing while the root is not known, and it is repeated
 *   for `startLimit`. Each time is a hunt of its own, after which marks are forgotten, so they are read again.
 * - after exec: the first look finds the mark.
 * No caller waits for the watcher.
 */
async function endTree(tree: WatchedTree): Promise<void> {
  // Root's processes take signals from root's helper only, as when a timeout ends them.
  const asRoot = tree.helper && signalThrough({ text: '', words: tree.helper });
  const end = realTime.now() + startLimit;
  for (let pause = 10; ; pause = Math.min(pause * 2, longestPause)) {
    await terminateTree(tree, grace, asRoot);
    if (tree.root !== undefined || realTime.now() > end) return;
    await realTime.pause(pause);
  }
}

process.stdout.on('error', () => {});
process.stdout.write('ready\n');
