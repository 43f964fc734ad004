import { sep } from 'node:path';
import { realTime } from '@oslo-concurrency/core';

/** A file that {@link IdleFiles} keeps. */
export interface Idle {
  readonly path: string;
  close(): void;
}

/**
 * Keeps a few released files open for a moment, by path. This saves half the cost for a caller that locks the same file
 * repeatedly.
 *
 * The kept files never cause a failure. If this thread has no descriptor left, they are closed and the call is repeated
 * ({@link withSpareDescriptors}). {@link closeIdleFiles} closes them when a file system is to be unmounted. Other
 * threads of the process close their files by their own timers, within half a second.
 */
export class IdleFiles<File extends Idle> {
  readonly #files = new Map<string, File>();
  #sweeper: NodeJS.Timeout | undefined;
  #beginning = false;
  #used = false;

  /** Removes the file kept for `path` and returns it. The caller owns it from now on. */
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
    // Deferred: after a quiet period, creating a timer takes longer than the rest of a release, and the next waiter is
    // still asleep.
    if (this.#sweeper === undefined && !this.#beginning) {
      this.#beginning = true;
      void later.then(() => this.#beginSweeping());
    }
  }

  /** Postpones the next sweep. Otherwise the sweeper would also wake every polling waiter, four times a second. */
  putOff(): void {
    this.#sweeper?.refresh();
  }

  /** Closes the kept files, all or those below one directory. Returns whether there were any. */
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

  // Closes all files after one quiet interval. A file in use returns to the map at each release.
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

// The pools that may keep a file.
const pools = new Set<IdleFiles<Idle>>();

/** Closes the idle files of this thread, all or those below one directory. Returns whether there were any. */
export function closeIdleFiles(directory?: string): boolean {
  let any = false;
  for (const pool of [...pools]) any = pool.close(directory) || any;
  return any;
}

/** Makes `call`, which opens something. If no descriptor is left, closes the idle files and repeats the call. */
export function withSpareDescriptors<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (!hasSpared(error)) throw error;
    return call();
  }
}

/** The same for a call that returns a promise. */
export async function promisedWithSpareDescriptors<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!hasSpared(error)) throw error;
    return call();
  }
}

// Whether a call that failed with `error` may succeed now.
function hasSpared(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return (code === 'EMFILE' || code === 'ENFILE') && closeIdleFiles();
}

const later = Promise.resolve();
// On other systems, an open file cannot be removed.
const keepsDescriptors = process.platform === 'linux';
const maxIdle = 16;
const sweepInterval = 250;
