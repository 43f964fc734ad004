import { existsSync } from 'node:fs';
import { checkOptionNames } from '@oslo-concurrency/core';
import { TurnRegistry } from '../local/turn-registry.js';
import { lockFileAt, lockFilePath } from '../lock-path/lock-path.js';
import { type LockCall, planIn } from '../locking/call.js';
import { checkLockOptions, type LockOptions } from '../options/lock-options.js';
import type { WaitOptions } from '../options/wait-options.js';
import { LockObject, ReaderWriterObject } from './lock-object.js';

/** Options of a lock object on a file. `doLog` is `false` by default here. */
export type InterProcessLockOptions = Pick<LockOptions, 'driver' | 'label' | 'removeOnRelease' | 'doLog'>;

const names: ReadonlySet<string> = new Set<keyof InterProcessLockOptions>([
  'driver',
  'label',
  'removeOnRelease',
  'doLog',
]);

/** Throws for an option that is unknown here. The values are checked when each call is planned. */
export function checkInterProcessOptions(options: unknown): asserts options is InterProcessLockOptions {
  checkOptionNames(options, names);
}

/**
 * A lock between processes on a file whose path you choose, to be acquired and released repeatedly.
 *
 * It excludes every other holder of that file: objects, workers, processes, Python's `InterProcessLock`, and
 * `lock(name, { external: true })` if that maps to the same file. It ignores `disableProcessLocking` and has no
 * internal lock of a name. It does not create the directory, which Python's does.
 *
 * Python's counterpart: `lockutils.InterProcessLock` (of fasteners).
 * @example
 * const lock = new InterProcessLock('/run/lock/deploy.lock');
 * await lock.acquire({ timeout: 5000 }, () => deploy());
 */
export class InterProcessLock extends LockObject {
  /** The absolute path of the lock file. */
  readonly path: string;
  readonly #options: InterProcessLockOptions;
  readonly #registry = new TurnRegistry();

  /** @throws InvalidOptionError, InvalidLockNameError. Nothing is opened. */
  constructor(path: string, options: InterProcessLockOptions = {}) {
    super();
    this.path = lockFileAt(path);
    checkInterProcessOptions(options);
    this.#options = options;
  }

  get name(): string {
    return this.path;
  }

  /** Whether the lock file exists now. That does not show whether the lock is held. */
  exists(): boolean {
    return existsSync(this.path);
  }

  protected override plan(options: WaitOptions): LockCall {
    return planIn(this.#registry, this.path, this.path, { doLog: false, ...this.#options, ...options });
  }
}

/** Options of {@link externalLock}. */
export type ExternalLockOptions = InterProcessLockOptions & Pick<LockOptions, 'lockFilePrefix' | 'lockPath'>;

/**
 * The lock file of the lock `name` as an object to acquire and release. `lock(name, { external: true })` acquires this
 * lock after the internal lock. The object does not acquire the internal lock, so it does not exclude `lock(name)` in
 * this process.
 *
 * oslo's counterpart: `lockutils.external_lock`.
 * @param name - The name of the lock. Callers that give the same name exclude each other.
 * @throws LockPathRequiredError, InvalidLockNameError
 */
export function externalLock(name: string, options: ExternalLockOptions = {}): InterProcessLock {
  checkLockOptions(name, options);
  const { lockFilePrefix, lockPath, ...rest } = options;
  return new InterProcessLock(lockFilePath(name, lockFilePrefix, lockPath), rest);
}

/**
 * A reader/writer lock between processes: readers share the lock file, a writer holds it exclusively. Callers are
 * served in order of arrival, so that a stream of readers cannot keep a writer out.
 *
 * It excludes the same holders as {@link InterProcessLock}, and Python's `InterProcessReaderWriterLock`. Readers of
 * both languages share. Python keeps no order: its readers can pass a writer that waits here.
 *
 * Python's counterpart: `fasteners.InterProcessReaderWriterLock`.
 * @example
 * const lock = new InterProcessReaderWriterLock('/run/lock/index.lock');
 * const rows = await lock.readLock(() => load());
 */
export class InterProcessReaderWriterLock extends ReaderWriterObject {
  /** The absolute path of the lock file. */
  readonly path: string;
  readonly #options: InterProcessLockOptions;
  readonly #registry = new TurnRegistry();

  /** @throws InvalidOptionError, InvalidLockNameError. Nothing is opened. */
  constructor(path: string, options: InterProcessLockOptions = {}) {
    super();
    this.path = lockFileAt(path);
    checkInterProcessOptions(options);
    this.#options = options;
  }

  get name(): string {
    return this.path;
  }

  protected override plan(options: WaitOptions, shared: boolean): LockCall {
    return planIn(this.#registry, this.path, this.path, { doLog: false, ...this.#options, ...options, shared });
  }
}
