import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { getLogger, processState } from '@oslo-concurrency/core';
import type { CommandTree } from './tree-hunt.js';

/** A tree that can be recognised by its mark alone, before it has a root. */
export type WatchedTree = CommandTree & { readonly mark: string };

/** What the watching process is told, one JSON text a line. */
export type WatchMessage = { readonly watch: string; readonly tree: WatchedTree } | { readonly forget: string };

interface WatchState {
  watcher: ChildProcess | undefined;
  readonly trees: Map<string, WatchedTree>;
}

const state = processState(
  'processutils/parent-exit-watch',
  1,
  (): WatchState => ({ watcher: undefined, trees: new Map() }),
);

/**
 * Has a tree ended when this process ends, however it ends, until `forgetTree`. Calling it again updates the tree.
 *
 * One watching process serves all commands of this process; it is started at the first. It holds the reading end of
 * a pipe whose only writing end is here, so the kernel tells it of our death, SIGKILL included, and nothing else can:
 * our children get no copy of that end. It has been told of a command before the command is started, so there
 * is no moment in which a command runs that the watcher does not know. Should the watcher die first, a
 * new one is started and told everything again. Answers `false` when none can be started.
 */
export function watchTree(tree: WatchedTree): boolean {
  state.trees.set(tree.mark, tree);
  if (state.watcher === undefined) return startWatcher();
  tell({ watch: tree.mark, tree });
  return true;
}

/** Undoes {@link watchTree}. */
export function forgetTree(tree: WatchedTree): void {
  if (state.trees.delete(tree.mark)) tell({ forget: tree.mark });
}

function startWatcher(): boolean {
  const known = [...state.trees.values()];
  // From its first instruction on it knows these; the pipe could still be empty when we are killed.
  const first = known.slice(0, 500);
  const watcher = spawn(process.execPath, [fileURLToPath(new URL('./watcher-program.js', import.meta.url))], {
    // A session of its own, so that Ctrl-C and the signals meant for our group do not end it before us.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
    env: { ELECTRON_RUN_AS_NODE: '1', WATCHED_TREES: JSON.stringify(first) },
  });
  watcher.on('error', () => {});
  // No descriptors, no more processes; then there is no stream either, whatever the types say.
  if (watcher.pid === undefined) return false;
  state.watcher = watcher;
  watcher.stdin.on('error', () => {});
  watcher.once('exit', (code) => {
    state.watcher = undefined;
    if (state.trees.size === 0) return;
    // One that gives up by itself would do so again, at once and for ever.
    const givenUp = code !== null && code !== 0;
    if (givenUp || !startWatcher()) getLogger().error('killOnParentExit: nobody watches for the end of this process');
  });
  watcher.unref();
  (watcher.stdin as unknown as { unref(): void }).unref();
  for (const tree of known.slice(first.length)) tell({ watch: tree.mark, tree });
  return true;
}

function tell(message: WatchMessage): void {
  // Small writes to an empty pipe are done before write returns; the watcher reads all the time.
  state.watcher?.stdin?.write(`${JSON.stringify(message)}\n`);
}
