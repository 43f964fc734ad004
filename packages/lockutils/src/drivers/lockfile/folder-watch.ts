import { type FSWatcher, watch } from 'node:fs';

/** What changed in one folder of one process: who wants to hear, by the name of the entry. */
interface Listeners {
  readonly watcher: FSWatcher;
  readonly byName: Map<string, Set<() => void>>;
}

const folders = new Map<string, Listeners>();

/**
 * Calls `wake` when the entry `name` of `folder` comes, goes or changes; one watch per folder serves all. Returns how to stop.
 *
 * A hint only: where watches have run out or are not to be had there are none. Keeps no process alive.
 */
export function onEntryChange(folder: string, name: string, wake: () => void): () => void {
  const listeners = folders.get(folder) ?? startWatch(folder);
  if (listeners === undefined) return () => {};
  const wakes = listeners.byName.get(name) ?? new Set();
  listeners.byName.set(name, wakes);
  // A wrapper of its own, so that the same function given twice is stopped once for each.
  const entry = (): void => wake();
  wakes.add(entry);
  return () => {
    wakes.delete(entry);
    if (wakes.size === 0) listeners.byName.delete(name);
    if (listeners.byName.size === 0) stopWatch(folder, listeners);
  };
}

function startWatch(folder: string): Listeners | undefined {
  try {
    const listeners: Listeners = { watcher: watch(folder, { persistent: false }), byName: new Map() };
    listeners.watcher.on('change', (_event, name) => {
      const wakes = typeof name === 'string' ? [listeners.byName.get(name) ?? []] : [...listeners.byName.values()];
      for (const wake of wakes.flatMap((set) => [...set])) wake();
    });
    // The folder was removed, or the system gave up: the next one who waits tries anew.
    listeners.watcher.on('error', () => stopWatch(folder, listeners));
    folders.set(folder, listeners);
    return listeners;
  } catch {
    return undefined;
  }
}

function stopWatch(folder: string, listeners: Listeners): void {
  listeners.watcher.close();
  if (folders.get(folder) === listeners) folders.delete(folder);
}
