import { constants, type Stats } from 'node:fs';
import { realTime } from '@oslo-concurrency/core';
import { withSpareDescriptors } from '../idle-files.js';
import { closeQuietly, type KernelSystem } from './system.js';

/**
 * One open descriptor and its one owner. Nobody else has the number, so it cannot be used after it was given back: by then
 * it may be another file's, and a lock or a write would change that one. After {@link close} or {@link passOn} every call
 * throws `EBADF`, as if the number were free, and touches nothing; a second `close` does nothing.
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

  /** Opens `path`, and closes what is kept open without need when there are no descriptors left. @throws the system's error */
  static open(system: KernelSystem, path: string, flags: number, mode?: number): OpenFile {
    return new OpenFile(
      system,
      path,
      withSpareDescriptors(() => system.openSync(path, flags, mode)),
    );
  }

  /** Opens `path` for reading, following no link and waiting for nobody. @throws the system's error */
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

  /** Whether the name still leads to this file; `named` is what it leads to. */
  isNamed(named = this.#system.lstatSync(this.path)): boolean {
    if (named === undefined) return false;
    const { dev, ino } = this.stat();
    return named.ino === ino && named.dev === dev;
  }

  /** Hands the descriptor to a new owner, with its locks; this one is closed from now on. */
  passOn(): OpenFile {
    const next = new OpenFile(this.#system, this.path, this.#fd ?? refused(this.path));
    this.#fd = undefined;
    return next;
  }

  /** Closes it, which drops its locks. Never throws: what close(2) reports does not keep a descriptor open. */
  close(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) closeQuietly(this.#system, fd, this.path);
  }
}

// Not blocking: at a FIFO that somebody laid there, the open would wait for ever.
const readOnly = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

function refused(path: string): never {
  throw Object.assign(new Error(`EBADF: the descriptor of ${path} was given back already`), { code: 'EBADF', path });
}
