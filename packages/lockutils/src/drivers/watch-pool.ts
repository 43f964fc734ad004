import { type FSWatcher, statSync } from 'node:fs';
import { basename } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
import { nothing } from '../steps.js';
import { withSpareDescriptors } from './idle-files.js';

/** Watches a file or folder as `fs.watch` does, without keeping the process alive. */
export type Watch = (path: string, listener: WatchListener) => FSWatcher;

type WatchListener = (event: 'change' | 'rename', name?: string | null) => void;

/**
 * Receives the name of an entry of a folder that appeared, disappeared or changed; `undefined` if the system does not
 * report the name.
 */
export type HintListener = (name: string | undefined) => void;

type Prepare = (path: string) => void;

interface Watched {
  readonly watcher: FSWatcher;
  /** What was watched, see {@link idAt}. */
  readonly id: string;
  readonly prepare: Prepare | undefined;
  readonly listeners: Set<HintListener>;
  /** Whether a waiter has stopped waiting since the last sweep. */
  used: boolean;
}

/**
 * Watches files and folders for all waits of this thread: one watcher per path, kept for one to two seconds after its
 * last wait, because creating and closing a watcher costs more than the rest of a hand-over. One sweeper closes them,
 * because even one timer per watcher would cost too much.
 *
 * The watchers only give hints and never cause a failure. A watcher does not keep the process alive (the polling of the
 * wait does). If the system grants no watcher (128 inotify instances per user), there are no hints, and polling alone
 * serves the wait.
 *
 * A watcher looks at the file or folder that was at the path when the watcher began. Its removal is an event: then the
 * pool watches what is at the path now. If a folder above it was moved away, or a link leads elsewhere now, there is no
 * event, so each wait that meets a kept watcher compares.
 */
export class WatchPool {
  readonly #start: Watch;
  readonly #watched = new Map<string, Watched>();
  #sweeper: NodeJS.Timeout | undefined;

  constructor(start: Watch) {
    this.#start = start;
  }

  /**
   * Calls `hear` at each change of `path`. `prepare` creates what is to be watched if it is missing, also when others
   * remove it during the wait. Returns a function that stops this; one that does nothing if `path` cannot be watched.
   */
  subscribe(path: string, hear: HintListener, prepare?: Prepare): () => void {
    return this.subscribeIfThere(path, hear, prepare) ?? nothing;
  }

  /** The same, but returns `undefined` if `path` cannot be watched, for example because it does not exist. */
  subscribeIfThere(path: string, hear: HintListener, prepare?: Prepare): (() => void) | undefined {
    let watched = this.#watched.get(path);
    try {
      if (watched?.id !== idAt(path)) {
        const former = watched;
        watched = this.#watch(path, former?.listeners ?? new Set(), prepare);
        former?.watcher.close();
        // The hints that nobody has read from the former watcher yet are lost.
        tell(watched);
      }
    } catch {
      return undefined;
    }
    const { listeners } = watched;
    // A separate function, so that a function that is given twice is stopped once for each.
    const own: HintListener = (name) => hear(name);
    listeners.add(own);
    return () => {
      listeners.delete(own);
      const now = this.#watched.get(path);
      if (now !== undefined) now.used = true;
    };
  }

  #watch(path: string, listeners: Set<HintListener>, prepare: Prepare | undefined): Watched {
    prepare?.(path);
    // Before the watcher begins: if others replace the file between the two, the next wait only watches it again in vain.
    const id = idAt(path);
    const watcher = withSpareDescriptors(() =>
      this.#start(path, (event, name) => {
        // The watched file or folder was removed or replaced, or an entry of the folder has the name of the folder
        // itself: this watcher may not see a later file or folder at the path.
        if (event === 'rename' && (name ?? basename(path)) === basename(path)) this.#watchAnew(path, watched);
        tell(watched, name ?? undefined);
      }),
    );
    watcher.on('error', () => this.#close(path, watched));
    const watched: Watched = { watcher, id, prepare, listeners, used: true };
    this.#watched.set(path, watched);
    this.#sweeper ??= realTime.setInterval(() => this.#sweep(), sweepInterval).unref();
    return watched;
  }

  #watchAnew(path: string, watched: Watched): void {
    if (this.#watched.get(path) !== watched) return;
    this.#close(path, watched);
    if (watched.listeners.size === 0) return;
    try {
      this.#watch(path, watched.listeners, watched.prepare);
    } catch {
      // Nothing exists at the path, nor can it be created: polling serves the wait.
    }
  }

  #sweep(): void {
    for (const [path, watched] of this.#watched) {
      if (watched.listeners.size === 0 && !watched.used) this.#close(path, watched);
      watched.used = false;
    }
    if (this.#watched.size > 0) return;
    realTime.clearInterval(this.#sweeper);
    this.#sweeper = undefined;
  }

  #close(path: string, watched: Watched): void {
    watched.watcher.close();
    if (this.#watched.get(path) === watched) this.#watched.delete(path);
  }
}

/** Tells two files apart that are at `path` one after the other. Where the system numbers none, all are the same. */
function idAt(path: string): string {
  const { dev, ino } = statSync(path, { throwIfNoEntry: false }) ?? {};
  return `${dev}:${ino}`;
}

function tell({ listeners }: Watched, name?: string): void {
  for (const hear of [...listeners]) hear(name);
}

// Milliseconds.
const sweepInterval = 1000;
