import { type FSWatcher, watch } from 'node:fs';
import { realTime } from '@oslo-concurrency/core';

/**
 * Receives the name of an entry that appeared, disappeared or changed; `undefined` if the system does not report the
 * name.
 */
export type EntryListener = (name: string | undefined) => void;

interface WatchedFolder {
  readonly watcher: FSWatcher;
  readonly listeners: Set<EntryListener>;
}

const folders = new Map<string, WatchedFolder>();

/**
 * Calls `listener` when an entry of `folder` changes. One watch per folder serves all listeners. Returns a function
 * that stops this.
 *
 * Only a hint: if watches are used up or not supported, there are none. Keeps no process alive.
 */
export function onEntryChange(folder: string, listener: EntryListener): () => void {
  const watched = folders.get(folder) ?? startWatch(folder);
  if (watched === undefined) return () => {};
  // A separate wrapper, so that a function that is given twice is stopped once for each.
  const own: EntryListener = (name) => listener(name);
  watched.listeners.add(own);
  return () => {
    watched.listeners.delete(own);
    if (watched.listeners.size === 0) realTime.setImmediate(stopIfUnused, folder, watched);
  };
}

// Closing takes longer than the rest of a hand-over, so the waiter continues first.
function stopIfUnused(folder: string, watched: WatchedFolder): void {
  if (watched.listeners.size === 0) stopWatch(folder, watched);
}

function startWatch(folder: string): WatchedFolder | undefined {
  try {
    const watched: WatchedFolder = { watcher: watch(folder, { persistent: false }), listeners: new Set() };
    watched.watcher.on('change', (_event, name) => {
      for (const listener of [...watched.listeners]) listener(typeof name === 'string' ? name : undefined);
    });
    // The folder was removed, or the watch failed: the next waiter starts a new one.
    watched.watcher.on('error', () => stopWatch(folder, watched));
    folders.set(folder, watched);
    return watched;
  } catch {
    return undefined;
  }
}

function stopWatch(folder: string, watched: WatchedFolder): void {
  watched.watcher.close();
  if (folders.get(folder) === watched) folders.delete(folder);
}
