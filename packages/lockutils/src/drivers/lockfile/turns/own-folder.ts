import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { sep } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
import { newIdentityName } from '../../../owner/identity-name.js';
import { encodeOwnerRecord, restampOwnerRecord } from '../../../owner/owner-record.js';
import { runSync } from '../../../steps.js';
import { type Idle, withSpareDescriptors } from '../../idle-files.js';
import { explaining } from '../grant.js';
import { type LockPaths, lockPathRightsOf, lockPathsOf } from '../lock-paths.js';
import { reportRemoved } from '../news.js';
import { discardOwnerFile, prepareOwnerFile } from '../owner-file.js';
import { type Answer, type LockfileFs, quietly } from '../system.js';

/**
 * The folder with the owner file of one thread, which the thread uses for one hold after the other while others want the
 * lock too. It is renamed from `new/` to the queue, and from there or from `new/` to the lock; a release moves the file
 * to a new folder in `new/`. So a hold takes half the calls that it takes to make all of it again.
 *
 * What holds the lock after each step, and after a crash at it:
 *
 * - *Prepared*: the folder lies in `new/`, or is a ticket in the queue. It holds nothing. After a crash it is removed by
 *   others, as that of a dead waiter or of an attempt that did not finish.
 * - *Move in*: one rename, as `LockFolder` acquires the lock. It succeeds only if the lock is missing or an empty folder,
 *   so this thread holds it then, and no other owner's file is in it. A ticket is given up in the same step. After a crash
 *   there is a waiter, as before, or a dead holder. A look before the rename shows that the ticket is ours, and one after
 *   it that the file is in the lock: if somebody has emptied the folder, the lock is as free as before.
 * - *Held*: by this thread alone, as with `LockFolder`, from which the report of a death and all changes of the mode are.
 * - *New folder*: the release first creates a folder in `new/`. The lock is held. After a crash there is a dead holder, and
 *   an empty folder in `new/`.
 * - *Move out*: one rename moves the owner file there, by its name, and only if it is still in the lock: that is the
 *   release. The lock is an empty folder, which is free for everybody. After a crash it is free too, no holder has died,
 *   and the folder in `new/` is prepared, as above.
 *
 * The file gets another name at each release, so no name is used for two holds, and a process that has judged an owner dead
 * by its name cannot remove a later one. A waiter and the holder that it becomes have one name. The thread closes the folder at
 * the end of the turn of the event loop, or at its exit, if it has not moved in again.
 *
 * It makes its calls at once, not step by step, because they run between two holds: those of a file system that returns
 * no promises.
 */
export class OwnFolder implements Idle {
  /** The name of the owner file. */
  own = newIdentityName();
  readonly label: string | undefined;
  /** Whether an earlier holder ended without releasing. Known after {@link moveIn}. */
  previousOwnerDied = false;
  readonly #fs: LockfileFs;
  /** The lock file. */
  readonly path: string;
  readonly #paths: LockPaths;
  #record: Buffer | undefined;
  #fd: number | undefined;

  /** Creates the folder in `new/`, with the owner file. @throws as an acquisition does */
  constructor(fs: LockfileFs, lockFile: string, label: string | undefined) {
    this.#fs = fs;
    this.path = lockFile;
    this.label = label;
    this.#paths = lockPathsOf(lockFile);
    try {
      runSync(explaining(lockFile, 'lock', prepareOwnerFile(fs, lockFile, this.own, { label })));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Whether the owner file is in a folder, by default in that in `new/`. Otherwise somebody has removed it, or a call
   * failed: then the folder is free, or that of another waiter, because the numbers in a queue begin again.
   */
  isIn(folder = this.#inNew()): boolean {
    try {
      return this.#fs.exists(`${folder}${sep}${this.own}`) as boolean;
    } catch {
      return false;
    }
  }

  /**
   * Acquires the lock if it is free: renames the folder `from` to it. If that does not succeed, nothing is known but that
   * the lock is not held by it.
   */
  moveIn(from = this.#inNew()): boolean {
    const fs = this.#fs;
    const { held, died } = this.#paths;
    try {
      if (this.isIn(from)) {
        this.#stamp(`${from}${sep}${this.own}`);
        void fs.rename(from, held);
        // Somebody may have removed it meanwhile: an empty folder is no lock.
        if (this.isIn(held)) {
          this.previousOwnerDied = runSync(reportRemoved(fs, died));
          return true;
        }
      }
    } catch {
      // Mostly another holder is there.
    }
    // Whatever has happened, this path belongs only to us.
    tried(() => fs.unlink(`${held}${sep}${this.own}`));
    return false;
  }

  /**
   * Releases the lock; `false` if that failed and the lock may still be held. If the system reports a failure of a call
   * that succeeded, the lock was released, and there is no folder any more to move in with.
   */
  moveOut(): boolean {
    const fs = this.#fs;
    const from = `${this.#paths.held}${sep}${this.own}`;
    const name = newIdentityName();
    const to = this.#inNew(name);
    try {
      void fs.mkdir(to, lockPathRightsOf(this.path));
      void fs.rename(from, `${to}${sep}${name}`);
    } catch {
      // The file is where its last move has brought it.
      const moved = tried(() => fs.unlink(`${to}${sep}${name}`));
      tried(() => fs.rmdir(to));
      if (!moved) return false;
    }
    this.own = name;
    return true;
  }

  /** Removes the folder from `new/`, and that of the lock, if it is empty. */
  close(): void {
    this.closeFile();
    runSync(discardOwnerFile(this.#fs, this.#inNew(), this.own));
    tried(() => this.#fs.rmdir(this.#paths.held));
  }

  /** Closes the owner file. */
  closeFile(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) tried(() => closeSync(fd));
  }

  // Not by `join`, which reads each character.
  #inNew(name = this.own): string {
    return `${this.#paths.prepared}${sep}${name}`;
  }

  // Writes the time of the grant into the record, which is as long as before. It is for messages only, so a failure
  // changes nothing.
  #stamp(file: string): void {
    const now = realTime.date();
    try {
      this.#record ??= encodeOwnerRecord(this.label, now);
      if (!restampOwnerRecord(this.#record, now)) return;
      // Not through a link: another user may have placed one there to make us write to one of our files.
      this.#fd ??= withSpareDescriptors(() => openSync(file, constants.O_WRONLY | constants.O_NOFOLLOW));
      writeSync(this.#fd, this.#record, 0, this.#record.length, 0);
    } catch {
      // The record names the time of an earlier grant, or of the wait.
    }
  }
}

function tried(call: () => Answer<void>): boolean {
  return runSync(quietly(call));
}
