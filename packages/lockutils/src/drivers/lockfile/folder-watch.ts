import { type FSWatcher, watch } from 'node:fs';
import { realTime } from '@oslo-concurrency/core';

/** Hears the name of an entry that came, went or changed; `undefined` when the system does not tell which. */
export type EntryListener = (name: string | undefined) => void;

interface WatchedFolder {
  readonly watcher: FSWatcher;
  readonly listeners: Set<EntryListener>;
}

const folders = new Map<string, WatchedFolder>();

/**
 * Calls `listener` when an entry of `folder` changes; one watch per folder serves all. Returns how to stop.
 *
 * A hint only: where watches have run out or are not to be had there are none. Keeps no process alive.
 */
export function onEntryChange(folder: string, listener: EntryListener): () => void {
  const watched = folders.get(folder) ?? startWatch(folder);
  if (watched === undefined) return () => {};
  // A wrapper of its own, so that the same function given twice is stopped once for each.
  const own: EntryListener = (name) => listener(name);
  watched.listeners.add(own);
  return () => {
    watched.listeners.delete(own);
    if (watched.listeners.size === 0) realTime.setImmediate(stopIfUnused, folder, watched);
  };
}

// Closing takes longer than all the rest of a hand-over; who has waited goes on first.
function stopIfUnused(folder: string, watched: WatchedFolder): void {
  if (watched.listeners.size === 0) stopWatch(folder, watched);
}

function startWatch(folder: string): WatchedFolder | undefined {
  try {
    const watched: WatchedFolder = { watcher: watch(folder, { persistent: false }), listeners: new Set() };
    watched.watcher.on('change', (_event, name) => {
      for (const listener of [...watched.listeners]) listener(typeof name === 'string' ? name : undefined);
    });
    // The folder was removed, or the system gave up: the next one who waits tries anew.
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
