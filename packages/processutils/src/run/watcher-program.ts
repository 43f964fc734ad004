// The program of the process that ends commands whose parent has ended; see parent-exit-watch.ts, its other side.
import { createInterface } from 'node:readline';
import { signalThrough } from '../command/root-helper.js';
import { terminateTree } from '../terminate/terminate-tree.js';
import type { WatchedTree, WatchMessage } from './parent-exit-watch.js';

// Together with the 130 ms of killing well within the second that G23 gives, on a busy machine too.
const grace = 250;

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
  for (const tree of trees.values()) {
    // Root's processes take signals from root's helper only, as when a timeout ends them.
    const asRoot = tree.helper && signalThrough({ text: '', words: tree.helper });
    void terminateTree(tree, grace, asRoot);
  }
});
process.stdout.on('error', () => {});
process.stdout.write('ready\n');
