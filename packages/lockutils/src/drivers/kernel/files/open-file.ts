import { constants, type Stats } from 'node:fs';
import { realTime } from '@oslo-concurrency/core';
import { fileError } from '../../file-errors.js';
import { withSpareDescriptors } from '../../idle-files.js';
import type { Slice } from '../../slice.js';
import { closeQuietly, type KernelSystem } from '../system.js';

/**
 * One open descriptor and its only owner. No other code has the number, so it cannot be used after it was closed: by
 * then it may belong to another file, which a lock or a write would affect. After {@link close} or {@link passOn},
 * every call throws `EBADF`, as if the number were free, and touches nothing; another `close` does nothing.
 */
export class OpenFile {
  readonly path: string;
  /** When its lock was granted by the kernel: milliseconds of `realTime.now`. Set by the owner. */
  lockedAt = 0;
  /** Only of a lock file: which of the records of this thread stands in it. A file that is passed on has one. */
  record: number | undefined;
  /** Only of a lock file: the turn of this thread at the lock. It is forgotten with the open file. */
  slice: Slice | undefined;
  readonly #system: KernelSystem;
  #fd: number | undefined;
  /** It cannot pass to another file while this one is open. */
  #identity: Pick<Stats, 'dev' | 'ino'> | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  /** Whether it had one name only when that was looked at. */
  #onlyName = false;

  private constructor(system: KernelSystem, path: string, fd: number) {
    this.path = path;
    this.#system = system;
    this.#fd = fd;
  }

  /** Opens `path`. If no descriptors are left, closes the idle files first. @throws the system's error */
  static open(system: KernelSystem, path: string, flags: number, mode?: number): OpenFile {
    return new OpenFile(
      system,
      path,
      withSpareDescriptors(() => system.openSync(path, flags, mode)),
    );
  }

  /** Opens `path` for reading. Follows no link and never blocks. @throws the system's error */
  static openToRead(system: KernelSystem, path: string): OpenFile {
    return OpenFile.open(system, path, readOnly);
  }

  /** Opens `path` for reading and writing, as {@link openToRead} does. @throws the system's error */
  static openToWrite(system: KernelSystem, path: string, flag = 0): OpenFile {
    return OpenFile.open(system, path, readWrite | flag);
  }

  get closed(): boolean {
    return this.#fd === undefined;
  }

  tryLock(offset: number, length: number, shared: boolean): boolean {
    return this.#system.tryLock(this.#fd ?? refused(this.path), offset, length, shared);
  }

  /** Whether no other open file locks one of these bytes exclusively. They are not locked afterwards. */
  isFree(offset: number, length: number): boolean {
    if (!this.tryLock(offset, length, true)) return false;
    this.unlock(offset, length);
    return true;
  }

  unlock(offset: number, length: number): void {
    this.#system.unlock(this.#fd ?? refused(this.path), offset, length);
  }

  read(buffer: Uint8Array, length: number, position: number): number {
    return this.#system.readSync(this.#fd ?? refused(this.path), buffer, 0, length, position);
  }

  write(bytes: Uint8Array, length: number, position: number): number {
    return this.#system.writeSync(this.#fd ?? refused(this.path), bytes, 0, length, position);
  }

  stat(): Stats {
    return this.#system.fstatSync(this.#fd ?? refused(this.path));
  }

  /** Sets the times of the last access and change to now. @throws `EPERM` for another user's file */
  touch(): void {
    const now = realTime.date() / 1000;
    this.#system.futimesSync(this.#fd ?? refused(this.path), now, now);
  }

  /** Whether the name still leads to this file. `named` is the file that it leads to. */
  isNamed(named = this.#system.lstatSync(this.path)): boolean {
    this.#lookedAt = realTime.now();
    this.#onlyName = named?.nlink === 1;
    if (named === undefined) return false;
    this.#identity ??= this.stat();
    return named.ino === this.#identity.ino && named.dev === this.#identity.dev;
  }

  /** The same, but if its name was looked at less than `trust` milliseconds ago, asks only for the number of its names. */
  isStillNamed(trust: number): boolean {
    if (this.#onlyName && realTime.now() < this.#lookedAt + trust && this.stat().nlink === 1) return true;
    return this.isNamed();
  }

  /** When {@link isNamed} was called last. */
  get lookedAt(): number {
    return this.#lookedAt;
  }

  /** Whether {@link isNamed} was called at most `age` milliseconds ago. */
  wasLookedAt(age: number): boolean {
    return realTime.now() < this.#lookedAt + age;
  }

  /** Whether the system reports another identity for the open file than before, so that {@link isNamed} means nothing. */
  hasChanged(): boolean {
    const { dev, ino } = this.stat();
    return this.#identity !== undefined && (ino !== this.#identity.ino || dev !== this.#identity.dev);
  }

  /** Passes the descriptor, with its locks, to a new owner. This object is closed from now on. */
  passOn(): OpenFile {
    const next = new OpenFile(this.#system, this.path, this.#fd ?? refused(this.path));
    next.lockedAt = this.lockedAt;
    next.record = this.record;
    next.slice = this.slice;
    next.#identity = this.#identity;
    next.#lookedAt = this.#lookedAt;
    next.#onlyName = this.#onlyName;
    this.#fd = undefined;
    return next;
  }

  /** Closes it, which drops its locks. Never throws: the descriptor is closed whatever close(2) reports. */
  close(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) closeQuietly(this.#system, fd, this.path);
  }
}

/**
 * Opens a file by `open`; if it does not exist, creates it by `create` first, which fails with `EEXIST` if it does.
 *
 * Two steps instead of O_CREAT alone: in a sticky directory, the kernel refuses O_CREAT on another user's file
 * (`fs.protected_regular`) although the file itself may be opened.
 */
export function openOrCreate(path: string, open: () => OpenFile, create: () => void): OpenFile {
  for (let round = 0; ; round += 1) {
    try {
      return open();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw fileError(path, 'open', error);
    }
    try {
      withSpareDescriptors(create);
    } catch (error) {
      // Another process created it first, or it was removed between the two calls: try again.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || round >= 100) throw fileError(path, 'create', error);
    }
  }
}

// O_NOFOLLOW: a link placed there by another user would make us open and write to one of our own files. O_NONBLOCK:
// opening a FIFO must fail or return, not hang. Never O_TRUNC: the file may have other content. Node adds O_CLOEXEC
// (G17).
const safely = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);
const readOnly = constants.O_RDONLY | safely;
const readWrite = constants.O_RDWR | safely;

function refused(path: string): never {
  throw Object.assign(new Error(`EBADF: the descriptor of ${path} is already closed`), { code: 'EBADF', path });
}
