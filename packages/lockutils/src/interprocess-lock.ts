import { existsSync } from 'node:fs';
import { type Acquisition, planIn } from './acquisition.js';
import { checkInterProcessOptions, type InterProcessLockOptions } from './interprocess-options.js';
import { TurnRegistry } from './local/turn-registry.js';
import { lockFileAt } from './lock-file-at.js';
import { LockObject } from './lock-object.js';
import type { WaitOptions } from './wait-options.js';

/**
 * A lock between processes on a file whose path you choose, to be acquired and released again and again.
 *
 * It excludes every other holder of that file: objects, workers, processes, Python's `InterProcessLock`, and
 * `lock(name, { external: true })` where that leads to the same file. It ignores `disableProcessLocking`, has no
 * internal lock of a name, and does not make the directory, which Python's does.
 *
 * Python's counterpart: `lockutils.InterProcessLock` (of fasteners).
 * @example
 * const lock = new InterProcessLock('/run/lock/deploy.lock');
 * await lock.acquire({ timeout: 5000 }, () => deploy());
 */
export class InterProcessLock extends LockObject {
  /** The lock file, absolute. */
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

  /** Whether the lock file is there now; that says nothing about who holds it. */
  exists(): boolean {
    return existsSync(this.path);
  }

  protected override plan(options: WaitOptions): Acquisition {
    return planIn(this.#registry, this.path, this.path, { doLog: false, ...this.#options, ...options });
  }
}
