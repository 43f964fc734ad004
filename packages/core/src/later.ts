import { closeSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { devNull } from 'node:os';

/**
 * A part of a package that is loaded when it is first used, so that importing the package costs little (G22). For the
 * packages of this family; it is exported for them, and promises nothing to others.
 *
 * By `require`, which since Node 20.19 loads ES modules too: at once, so that the first call takes its turn in line as
 * every later one does; without a warning; and as the same instance that `import()` gives. It also forgets a failure.
 * Node 20 keeps a failed `import()` for ever: one first lock while all descriptors are in use (EMFILE) would be the end
 * of all locks of the process.
 *
 * `import()` is for where that cannot be: bundles, where there is no file beside this one, and a Node that was told not to
 * or is too old (Node 22 before 22.12, which `engines` leaves out because {@link Later.now} cannot work there).
 */
export class Later<M extends object> {
  /** The module, once nobody waits for it. While somebody does, a newcomer has to come after them (G10). */
  loaded: M | undefined;
  #module: M | undefined;
  #waiting = 0;
  readonly #base: string;
  readonly #file: string;
  readonly #import: () => Promise<M>;

  /** `file` as seen from `base`, the `import.meta.url` of who asks; `load` is the `import()` of the same. */
  constructor(base: string, file: string, load: () => Promise<M>) {
    this.#base = base;
    this.#file = file;
    this.#import = load;
  }

  /**
   * Throws the system's error (EMFILE, ENFILE) where no descriptor is left to read files with. To be asked before
   * anything is loaded: what Node could not read once it takes for missing for ever, and says so.
   */
  static checkDescriptors(): void {
    try {
      closeSync(openSync(devNull, 'r'));
    } catch (error) {
      // Any other refusal (`node --permission`, a root without /dev) says nothing about descriptors.
      if (isOutOfDescriptors(error)) throw error;
    }
  }

  /** Calls `fn` with the module: now where that can be, and in order of the calls. What `fn` throws is a rejection. */
  use<T>(fn: (module: M) => T | Promise<T>): Promise<T> {
    try {
      if (this.#waiting === 0) this.loaded ??= this.#require();
      if (this.loaded !== undefined) return Promise.resolve(fn(this.loaded));
    } catch (error) {
      return Promise.reject(error);
    }
    this.#waiting += 1;
    return this.#import().then(
      (module) => {
        this.#arrive(module);
        return fn(module);
      },
      (error) => {
        this.#arrive(undefined);
        throw error;
      },
    );
  }

  /** The module, for code that cannot wait. @throws what `require` throws where it must still be loaded and cannot be */
  now(): M {
    if (this.#module !== undefined) return this.#module;
    Later.checkDescriptors();
    try {
      this.#module = createRequire(this.#base)(this.#file) as M;
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === 'ERR_REQUIRE_ESM' ? new CannotRequireError(error) : error;
    }
    return this.#module;
  }

  #require(): M | undefined {
    try {
      return this.now();
    } catch (error) {
      if (isOutOfDescriptors(error)) throw error;
      return undefined;
    }
  }

  #arrive(module: M | undefined): void {
    this.#waiting -= 1;
    this.#module ??= module;
    if (this.#waiting === 0) this.loaded = this.#module;
  }
}

function isOutOfDescriptors(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'EMFILE' || code === 'ENFILE';
}

class CannotRequireError extends Error {
  readonly code = 'ERR_REQUIRE_ESM';

  constructor(cause: unknown) {
    super('This Node cannot load ES modules at once, which code that cannot wait needs: Node 20.19, 22.12 or newer', {
      cause,
    });
  }
}
