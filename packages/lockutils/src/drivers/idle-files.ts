import { sep } from 'node:path';
import { realTime } from '@oslo-concurrency/core';

/** What {@link IdleFiles} keeps. */
export interface Idle {
  readonly path: string;
  close(): void;
}

/**
 * Keeps a few released files open for a moment, by path: who takes a lock again and again saves half of its cost.
 *
 * They are never the reason why something fails: when this thread finds no descriptor left, they are closed and the call
 * is made again ({@link withSpareDescriptors}); and a file system that is to be unmounted is let go by
 * {@link closeIdleFiles}. Those of other threads of the process are closed by their own timers, within half a second.
 */
export class IdleFiles<File extends Idle> {
  readonly #files = new Map<string, File>();
  #sweeper: NodeJS.Timeout | undefined;
  #beginning = false;
  #used = false;

  /** The file kept for `path`, which is the caller's from now on. */
  take(path: string): File | undefined {
    const file = this.#files.get(path);
    if (file !== undefined) this.#files.delete(path);
    return file;
  }

  /** Whether there is room for a file of this path. */
  hasRoom(path: string): boolean {
    return keepsDescriptors && this.#files.size < maxIdle && !this.#files.has(path);
  }

  keep(file: File): void {
    this.#files.set(file.path, file);
    this.#used = true;
    pools.add(this);
    // Later: after a quiet time making a timer takes longer than the rest of a release, and the next in line still sleeps.
    if (this.#sweeper === undefined && !this.#beginning) {
      this.#beginning = true;
      void later.then(() => this.#beginSweeping());
    }
  }

  /** Puts the next sweep off. Otherwise the sweeper would wake a polling waiter too, four times a second. */
  putOff(): void {
    this.#sweeper?.refresh();
  }

  /** Closes them, those below one directory or all; whether there were any. */
  close(directory?: string): boolean {
    let any = false;
    for (const [path, file] of this.#files) {
      if (directory !== undefined && !path.startsWith(directory.endsWith(sep) ? directory : directory + sep)) continue;
      this.#files.delete(path);
      file.close();
      any = true;
    }
    if (this.#files.size === 0) pools.delete(this);
    return any;
  }

  #beginSweeping(): void {
    this.#beginning = false;
    this.#sweeper ??= realTime.setInterval(() => this.#sweep(), sweepInterval).unref();
  }

  // Closes all after one quiet interval. Those in use come back to the map at each release.
  #sweep(): void {
    if (this.#used) {
      this.#used = false;
      return;
    }
    realTime.clearInterval(this.#sweeper);
    this.#sweeper = undefined;
    this.close();
  }
}

// Those that may keep something.
const pools = new Set<IdleFiles<Idle>>();

/** Closes the idle files of this thread, those below one directory or all; whether there were any. */
export function closeIdleFiles(directory?: string): boolean {
  let any = false;
  for (const pool of [...pools]) any = pool.close(directory) || any;
  return any;
}

/** Makes `call`, which opens something. When it finds no descriptor left, closes the idle files and makes it once more. */
export function withSpareDescriptors<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if ((code !== 'EMFILE' && code !== 'ENFILE') || !closeIdleFiles()) throw error;
    return call();
  }
}

const later = Promise.resolve();
// Elsewhere an open file cannot be removed.
const keepsDescriptors = process.platform === 'linux';
const maxIdle = 16;
const sweepInterval = 250;
