import { type ChildProcess, spawn } from 'node:child_process';
import { getLogger, processState } from '@oslo-concurrency/core';
import { within } from '../system/patience.js';
import { trustedPath } from '../system/program-search.js';
import type { CommandTree } from '../terminate/command-tree.js';

/** A tree that can be recognised by its mark alone, before it has a root; `helper`: the words of its root helper. */
export type WatchedTree = CommandTree & { readonly mark: string; readonly helper?: readonly string[] };

/** What is sent to the watching process, one JSON text a line. */
export type WatchMessage = { readonly watch: string; readonly tree: WatchedTree } | { readonly forget: string };

interface WatchState {
  watcher: ChildProcess | undefined;
  /** Whether the watcher has come to its work; `false` when it ended before. */
  ready: Promise<boolean>;
  readonly trees: Map<string, WatchedTree>;
}

const state = processState(
  'processutils/parent-exit-watch',
  2,
  (): WatchState => ({ watcher: undefined, ready: Promise.resolve(false), trees: new Map() }),
);

// The program comes from here, not from a file: in a user's bundle and under Plug'n'Play there is no file. It goes by the
// environment, so that process lists stay readable. The bundle has it as a CommonJS text, which Bun and Deno evaluate too.
const program = `import(${JSON.stringify(new URL('./watcher-program.js', import.meta.url).href)})`;
const startProgram =
  '/* ends the commands of its parent */ ((require) => eval(process.env.WATCHER))((name) => process.getBuiltinModule(name))';

// A Node that starts takes a twentieth of a second, on a busy machine some.
const startLimit = 10_000;

/**
 * Has a tree ended when this process ends, however it ends, until `forgetTree`. Resolves to `true` when a process watches,
 * and to `false` when none can: no process can be started, or it ends at once.
 *
 * One watching process serves all commands of this process; it is started at the first. It holds the reading end of
 * a pipe whose only writing end is here, so the kernel reports our death to it, SIGKILL included, and nothing else can:
 * our children get no copy of that end. It is at work, and knows of a command, before the command is started, so
 * there is no moment in which a command runs that the watcher does not know. Should the watcher die later, a
 * new one is started and learns everything again.
 */
export async function watchTree(tree: WatchedTree): Promise<boolean> {
  state.trees.set(tree.mark, tree);
  if (state.watcher !== undefined) tell({ watch: tree.mark, tree });
  else if (!startWatcher()) return false;
  return (await within(startLimit, state.ready)) === true;
}

/** Sends the watcher more facts about a tree that it watches. */
export function updateTree(tree: WatchedTree): void {
  state.trees.set(tree.mark, tree);
  tell({ watch: tree.mark, tree });
}

/** Undoes {@link watchTree}. */
export function forgetTree(tree: WatchedTree): void {
  if (state.trees.delete(tree.mark)) tell({ forget: tree.mark });
}

function startWatcher(): boolean {
  const known = [...state.trees.values()];
  // From its first instruction on it knows these; the pipe could still be empty when we are killed.
  const first = known.slice(0, 500);
  const watcher = spawn(process.execPath, ['-e', startProgram], {
    // A session of its own, so that Ctrl-C and the signals meant for our group do not end it before us.
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
    cwd: '/',
    env: {
      PATH: trustedPath(process.env.PATH),
      ELECTRON_RUN_AS_NODE: '1',
      WATCHED_TREES: JSON.stringify(first),
      WATCHER: program,
    },
  });
  watcher.on('error', () => {});
  // No descriptors, no more processes; then there is no stream either, whatever the types say.
  if (watcher.pid === undefined) return false;
  state.watcher = watcher;
  watcher.stdin.on('error', () => {});
  let atWork = false;
  state.ready = new Promise((resolve) => {
    watcher.stdout.once('data', () => {
      atWork = true;
      resolve(true);
      // Until then it keeps this process alive, for the command that waits for it.
      // Bun's streams have no such method; there the watcher keeps the process alive only while a command runs.
      for (const handle of [watcher, watcher.stdin, watcher.stdout] as unknown as { unref?(): void }[])
        handle.unref?.();
    });
    watcher.once('exit', () => resolve(false));
  });
  watcher.once('exit', (code) => {
    state.watcher = undefined;
    if (state.trees.size === 0) return;
    // One that gives up by itself would do so again, at once and forever.
    const givenUp = !atWork || (code !== null && code !== 0);
    if (givenUp || !startWatcher())
      getLogger().error('killOnParentExit: no process watches for the end of this one any more');
  });
  for (const tree of known.slice(first.length)) tell({ watch: tree.mark, tree });
  return true;
}

function tell(message: WatchMessage): void {
  // Small writes to an empty pipe are done before write returns; the watcher reads all the time.
  state.watcher?.stdin?.write(`${JSON.stringify(message)}\n`);
}
