import { closeSync, openSync, writeSync } from 'node:fs';
import { sep } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
import type { Rights } from '../../../lock-path/rights.js';
import { newIdentityName } from '../../../owner/identity-name.js';
import { encodeOwnerRecord, restampOwnerRecord } from '../../../owner/owner-record.js';
import { runSync, step } from '../../../steps.js';
import { type Idle, withSpareDescriptors } from '../../idle-files.js';
import { type LockPaths, lockPathRightsOf, lockPathsOf } from '../lock-paths.js';
import { reportRemoved } from '../news.js';
import { discardOwnerFile, prepareOwnerFile } from '../owner-file.js';
import { type LockfileFs, quietly } from '../system.js';

/**
 * The folder with the owner file of one thread, which the thread uses for one hold after the other while others want the
 * lock too. It is renamed from `new/` to the queue, and from there or from `new/` to the lock; a release moves the file
 * to a new folder in `new/`. So a hold takes half the calls that it takes to make all of it again.
 *
 * What each step leaves, for others and after a crash:
 *
 * - *Move in*: one rename, as `LockFolder` acquires the lock. From the queue, it gives up the ticket in the same step.
 *   Before it there is a waiter or nothing; after it a holder, alive or dead.
 * - *Move out*: a new folder is created in `new/`, where it is nothing to others. Then one rename moves the owner file
 *   there, by its name: that is the release. Before it there is a holder, alive or dead; after it an empty folder, which
 *   is free, and a folder in `new/`, which is removed later.
 * - The file gets another name at each release, so no name is used for two holds. A waiter and the holder that it becomes
 *   have one name.
 *
 * It makes its calls at once, not step by step, because they run between two holds.
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
  readonly #rights: Rights;
  #record: Buffer | undefined;
  #fd: number | undefined;

  /** Creates the folder in `new/`, with the owner file. */
  constructor(fs: LockfileFs, lockFile: string, label: string | undefined) {
    this.#fs = fs;
    this.path = lockFile;
    this.label = label;
    this.#paths = lockPathsOf(lockFile);
    this.#rights = lockPathRightsOf(lockFile);
    runSync(prepareOwnerFile(fs, lockFile, this.own, { label }));
  }

  /**
   * Acquires the lock if it is free: renames the folder `from` to it. If that does not succeed, nothing is known but that
   * the lock is not held by it.
   */
  moveIn(from = this.#inNew()): boolean {
    const fs = this.#fs;
    const { held, died } = this.#paths;
    this.#stamp(`${from}${sep}${this.own}`);
    try {
      runSync(step(fs.rename(from, held)));
      this.previousOwnerDied = runSync(reportRemoved(fs, died));
      return true;
    } catch {
      // Whatever has happened, this path belongs only to us.
      runSync(quietly(() => fs.unlink(`${held}${sep}${this.own}`)));
      return false;
    }
  }

  /** Releases the lock. @throws the system's error; then it may still be held, and nothing is left in `new/`. */
  moveOut(): void {
    const fs = this.#fs;
    const from = `${this.#paths.held}${sep}${this.own}`;
    const name = newIdentityName();
    const to = this.#inNew(name);
    runSync(step(fs.mkdir(to, this.#rights)));
    try {
      runSync(step(fs.rename(from, `${to}${sep}${name}`)));
    } catch (error) {
      runSync(discardOwnerFile(fs, to, name));
      throw error;
    }
    this.own = name;
  }

  /** Removes the folder from `new/`, and that of the lock, if it is empty. */
  close(): void {
    this.closeFile();
    runSync(discardOwnerFile(this.#fs, this.#inNew(), this.own));
    runSync(quietly(() => this.#fs.rmdir(this.#paths.held)));
  }

  /** Closes the owner file. */
  closeFile(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) runSync(quietly(() => closeSync(fd)));
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
      this.#fd ??= withSpareDescriptors(() => openSync(file, 'r+'));
      writeSync(this.#fd, this.#record, 0, this.#record.length, 0);
    } catch {
      // The record names the time of an earlier grant, or of the wait.
    }
  }
}
