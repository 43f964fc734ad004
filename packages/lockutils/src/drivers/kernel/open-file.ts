import { constants, type Stats } from 'node:fs';
import { realTime } from '@oslo-concurrency/core';
import { withSpareDescriptors } from '../idle-files.js';
import { closeQuietly, type KernelSystem } from './system.js';

/**
 * One open descriptor and its only owner. No other code has the number, so it cannot be used after it was closed: by
 * then it may belong to another file, which a lock or a write would affect. After {@link close} or {@link passOn},
 * every call throws `EBADF`, as if the number were free, and touches nothing; another `close` does nothing.
 */
export class OpenFile {
  readonly path: string;
  readonly #system: KernelSystem;
  #fd: number | undefined;

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

  get closed(): boolean {
    return this.#fd === undefined;
  }

  tryLock(offset: number, length: number, shared: boolean): boolean {
    return this.#system.tryLock(this.#fd ?? refused(this.path), offset, length, shared);
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
    if (named === undefined) return false;
    const { dev, ino } = this.stat();
    return named.ino === ino && named.dev === dev;
  }

  /** Passes the descriptor, with its locks, to a new owner. This object is closed from now on. */
  passOn(): OpenFile {
    const next = new OpenFile(this.#system, this.path, this.#fd ?? refused(this.path));
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

// Nonblocking: opening a FIFO that another user placed there would wait forever.
const readOnly = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

function refused(path: string): never {
  throw Object.assign(new Error(`EBADF: the descriptor of ${path} is already closed`), { code: 'EBADF', path });
}
