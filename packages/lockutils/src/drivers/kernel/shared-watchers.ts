import type { FSWatcher } from 'node:fs';
import { realTime } from '@oslo-concurrency/core';
import { withSpareDescriptors } from '../idle-files.js';
import type { KernelSystem } from './system.js';

interface Watched {
  readonly watcher: FSWatcher;
  readonly wakes: Set<() => void>;
  /** Whether a waiter has stopped waiting since the last sweep. */
  used: boolean;
}

/**
 * Watches files for all waits of this thread: one watcher per file, kept for one to two seconds after its last wait,
 * because creating and closing a watcher costs more than the rest of a hand-over. One sweeper closes them, because even
 * one timer per watcher would cost too much.
 *
 * The watchers only give hints and never cause a failure. A watcher does not keep the process alive (the polling of the
 * wait does). If no watcher is available (128 inotify instances per user), there are no hints, and polling alone serves
 * the wait.
 */
export class SharedWatchers {
  readonly #system: KernelSystem;
  readonly #watched = new Map<string, Watched>();
  #sweeper: NodeJS.Timeout | undefined;

  constructor(system: KernelSystem) {
    this.#system = system;
  }

  /**
   * Calls `wake` at each change of `path`. `prepare` creates the file if it must be watched anew. Returns a function
   * that stops this.
   */
  subscribe(path: string, wake: () => void, prepare?: (path: string) => void): () => void {
    let watched = this.#watched.get(path);
    if (watched === undefined) {
      try {
        prepare?.(path);
        watched = this.#watch(path);
      } catch {
        return () => {};
      }
    }
    const { wakes } = watched;
    wakes.add(wake);
    return () => {
      wakes.delete(wake);
      watched.used = true;
    };
  }

  #watch(path: string): Watched {
    const wakes = new Set<() => void>();
    const watcher = withSpareDescriptors(() =>
      this.#system.watch(path, (event) => {
        // The file was removed or replaced, and this watcher does not see a later file of the same name.
        if (event === 'rename') this.#close(path, watched);
        for (const wake of [...wakes]) wake();
      }),
    );
    watcher.on('error', () => this.#close(path, watched));
    const watched: Watched = { watcher, wakes, used: true };
    this.#watched.set(path, watched);
    this.#sweeper ??= realTime.setInterval(() => this.#sweep(), sweepInterval).unref();
    return watched;
  }

  #sweep(): void {
    for (const [path, watched] of this.#watched) {
      if (watched.wakes.size === 0 && !watched.used) this.#close(path, watched);
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

// Milliseconds.
const sweepInterval = 1000;
