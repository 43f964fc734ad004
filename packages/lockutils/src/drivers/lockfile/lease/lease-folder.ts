import { join } from 'node:path';
import { realTime } from '@oslo-concurrency/core';
import { LockLostError } from '../../../errors/lock-errors.js';
import { newIdentityName, parseIdentityName } from '../../../owner/identity-name.js';
import { liveness } from '../../../owner/liveness.js';
import { encodeOwnerRecord } from '../../../owner/owner-record.js';
import { type Steps, step } from '../../../steps.js';
import type { OwnedFolder } from '../../proper-lockfile.js';
import { LockFolder } from '../lock-folder.js';
import { type LockPaths, lockPathRightsOf, lockPathsOf } from '../lock-paths.js';
import { isCode, quietly } from '../system.js';
import { nextToken, tokenOf } from './fencing-token.js';
import { isCoarse, timeNow, timeOf } from './file-time.js';
import type { LeaseFs } from './lease-fs.js';
import { LeaseText } from './lease-text.js';

/** The request of one attempt at a lease. Times are milliseconds. */
export interface LeaseFolderRequest {
  readonly ttl: number;
  readonly label: string | undefined;
  /** The id of the host. Owners with another id are judged by age alone. */
  readonly host: string;
  now(): number;
}

// Some file systems and protocols (FAT, SFTP) report times in whole seconds, the others in steps of at most 10 ms.
const coarseTimes = 2000;
const fineTimes = 20;

/**
 * One attempt at a lease in files, and the lease if the attempt succeeds: the folder of a strict lock (`LockFolder`),
 * whose owner file is named `OWNER~TTL~N`.
 *
 * *Renew*: write to the owner file, which makes the file system set its time, then rename it from N to N+1. *Expire*: a
 * process that finds the file older than its own ttl, with both times by the file system's clock, moves away exactly
 * that name. Why no other caller is granted the lease before the end that was promised to the holder:
 * - The time of a name N is at or after the moment at which the holder began that renewal, from which it counts. A
 *   process that looked at it earlier, or receives an old time from a cache, found it too young or judged N-1.
 * - Renewal and expiry are renames of one name, so the server executes one of them. If it is the expiry, the holder
 *   learns that the lease is gone, and the end that it counts with is that of the previous renewal, which has passed.
 * - Only differences between two times of the file system count, and they are rounded in the holder's favour if the
 *   file system reports coarse times. If its clock is set forward by more than the margin, this breaks; tokens still
 *   distinguish old from new.
 *
 * The token is drawn while holding the lease, and then a first renewal proves that it was held until afterwards. So
 * tokens grow in the order of the grants, even if a holder is stopped for an hour between acquiring the lease and
 * drawing its token.
 */
export class LeaseFolder implements OwnedFolder {
  token = 0n;
  /** The text that is kept with the name; set when the lease is granted. */
  text: LeaseText | undefined;
  /** The moment of `now()` from which the ttl counts. */
  since = 0;
  readonly own: string;
  readonly #fs: LeaseFs;
  readonly #lockFile: string;
  readonly #request: LeaseFolderRequest;
  readonly #paths: LockPaths;
  readonly #lock: LockFolder;
  #renewals = 0;
  // By this machine's wall clock, for people.
  #grantedAt = 0;

  constructor(fs: LeaseFs, lockFile: string, request: LeaseFolderRequest) {
    this.own = `${newIdentityName(request.host)}~${Math.ceil(request.ttl)}`;
    this.#fs = fs;
    this.#lockFile = lockFile;
    this.#request = request;
    this.#paths = lockPathsOf(lockFile, 'lease');
    this.#lock = new LockFolder(fs, lockFile, {
      area: 'lease',
      label: request.label,
      own: `${this.own}~0`,
      isOver: (name) => this.#isOver(name),
      isThere: (name) => this.#isReadable(name),
    });
  }

  *take(): Steps<boolean> {
    const since = this.#request.now();
    this.#grantedAt = realTime.date();
    if (!(yield* this.#lock.take())) return false;
    try {
      const rights = lockPathRightsOf(this.#lockFile, 'lease');
      const file = yield* nextToken(this.#fs, this.#paths, rights);
      if (file !== undefined && (yield* this.#moveOn())) {
        this.token = tokenOf(file);
        this.text = new LeaseText(this.#fs, this.#paths, rights, file, () => this.#isHeld());
        this.since = since;
        return true;
      }
    } catch (error) {
      yield* quietly(() => this.#fs.unlink(this.#current()));
      throw error;
    }
    yield* quietly(() => this.#fs.unlink(this.#current()));
    return false;
  }

  judge(): Steps<'free' | 'dead' | 'held'> {
    return this.#lock.judge();
  }

  breakDead(): Steps<void> {
    return this.#lock.breakDead();
  }

  /** Restarts the ttl from now; `false` if the lease is gone. */
  *renew(): Steps<boolean> {
    const since = this.#request.now();
    try {
      yield* step(this.#fs.overwrite(this.#current(), encodeOwnerRecord(this.#request.label, this.#grantedAt)));
    } catch (error) {
      if (isCode(error, 'ENOENT') && !(yield* this.#isThere(this.#next()))) return false;
      if (!isCode(error, 'ENOENT')) throw error;
      // The previous renewal succeeded, only its answer was lost: continue from there.
      this.#renewals += 1;
      yield* step(this.#fs.overwrite(this.#current(), encodeOwnerRecord(this.#request.label, this.#grantedAt)));
    }
    if (!(yield* this.#moveOn())) return false;
    this.since = since;
    return true;
  }

  /** Releases the lease. @throws LockLostError if it was gone; then nothing is removed. */
  *release(): Steps<void> {
    try {
      yield* step(this.#fs.unlink(this.#current()));
    } catch (error) {
      if (!isCode(error, 'ENOENT') || !(yield* this.#isThere(this.#next()))) {
        throw isCode(error, 'ENOENT') ? new LockLostError(this.#lockFile, error) : error;
      }
      yield* step(this.#fs.unlink(this.#next()));
    }
    yield* quietly(() => this.#fs.rmdir(this.#paths.held));
  }

  // Whether the lease of that owner file has ended: its process died on this host, or it is too old.
  *#isOver(name: string): Steps<boolean> {
    const [, owner = '', ttl] = /^(.*)~(\d{1,10})~\d{1,15}$/.exec(name) ?? [];
    const identity = parseIdentityName(owner);
    if (identity === undefined) return false;
    if (identity.host === this.#request.host && liveness(identity) === 'dead') return true;
    const written = yield* timeOf(this.#fs, join(this.#paths.held, name));
    const now = yield* timeNow(this.#fs, this.#paths);
    if (written === undefined || now === undefined) return false;
    return now - written >= Number(ttl) + (isCoarse(written, now) ? coarseTimes : fineTimes);
  }

  // Network file systems cache listings for a while (sshfs for 20 s, so that a release would go unnoticed), but they
  // ask the server to open a file.
  *#isReadable(name: string): Steps<boolean> {
    try {
      yield* step(this.#fs.readFile(join(this.#paths.held, name)));
      return true;
    } catch (error) {
      return !isCode(error, 'ENOENT');
    }
  }

  *#moveOn(): Steps<boolean> {
    try {
      yield* step(this.#fs.rename(this.#current(), this.#next()));
    } catch (error) {
      if (!isCode(error, 'ENOENT')) throw error;
      if (!(yield* this.#isThere(this.#next()))) return false;
    }
    this.#renewals += 1;
    return true;
  }

  /** Whether no other process has ended the lease, by what is on the disk. */
  *#isHeld(): Steps<boolean> {
    return (yield* this.#isThere(this.#current())) || (yield* this.#isThere(this.#next()));
  }

  *#isThere(path: string): Steps<boolean> {
    return (yield* timeOf(this.#fs, path)) !== undefined;
  }

  #current(): string {
    return join(this.#paths.held, `${this.own}~${this.#renewals}`);
  }

  #next(): string {
    return join(this.#paths.held, `${this.own}~${this.#renewals + 1}`);
  }
}
