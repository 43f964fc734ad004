import type { FSWatcher } from 'node:fs';
import { realTime } from '@oslo-concurrency/core';
import { withSpareDescriptors } from '../idle-files.js';
import type { KernelSystem } from './system.js';

interface Watched {
  readonly watcher: FSWatcher;
  readonly wakes: Set<() => void>;
  /** Whether somebody has stopped waiting since the last sweep. */
  used: boolean;
}

/**
 * Watches files for all waits of this thread: one watcher a file, kept for one to two seconds after its last wait,
 * since making and closing one costs more than the rest of a hand-over. Swept up, since even a timer for it would.
 *
 * Hints only, and never in the way: a watcher does not keep the process alive (the guard poll of the wait does), and
 * where there is none to be had (128 inotify instances a user) no hint comes and the guard poll serves alone.
 */
export class SharedWatchers {
  readonly #system: KernelSystem;
  readonly #watched = new Map<string, Watched>();
  #sweeper: NodeJS.Timeout | undefined;

  constructor(system: KernelSystem) {
    this.#system = system;
  }

  /** Calls `wake` at each change of `path`, which `prepare` makes when it must be watched anew. Returns how to stop. */
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
        // It was removed or replaced, and this watcher hears of no later file under the name.
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
