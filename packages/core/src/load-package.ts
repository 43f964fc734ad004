import { closeSync, openSync } from 'node:fs';
// Not `createRequire` by its name: webpack would put `undefined` in its place.
import nodeModule from 'node:module';
import { devNull } from 'node:os';

/**
 * Loads a third-party package at its first use, so that the import of our packages costs little (G22). It is exported for
 * the packages of this family only, and promises nothing to others.
 *
 * `base` is the `import.meta.url` of the caller, whose package depends on `name`. If `name` cannot be found from there, it
 * is searched from the main file of the process: a user's bundle contains the caller, and `base` is then missing, or names
 * a file of the machine on which the bundle was made. The load is synchronous, by `require`, which since Node 20.19 loads
 * ES modules too. It returns the same instance of the package as `import` does.
 *
 * @param base - The `import.meta.url` of the caller.
 * @param name - The name of the package.
 * @throws the system's error (`EMFILE`, `ENFILE`) if no descriptor is left. Then nothing was loaded yet. Without that check
 * Node would treat a file that it could not read once as missing for the rest of the process.
 * @throws the error of `require`
 */
export function loadPackage<M>(base: string | undefined, name: string): M {
  checkDescriptors();
  const [, main] = process.argv;
  if (base !== undefined) {
    try {
      return nodeModule.createRequire(base)(name) as M;
    } catch (error) {
      if (main === undefined || !isMissing(error, name)) throw error;
    }
  }
  return nodeModule.createRequire(main ?? devNull)(name) as M;
}

function isMissing(error: unknown, name: string): boolean {
  const { code, message = '' } = error as NodeJS.ErrnoException;
  return code === 'MODULE_NOT_FOUND' && message.includes(`'${name}'`);
}

/** Throws if no descriptor is left for reading files. For code that resolves and loads a package step by step. */
export function checkDescriptors(): void {
  try {
    closeSync(openSync(devNull, 'r'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Any other refusal (`node --permission`, a root without /dev) says nothing about descriptors.
    if (code === 'EMFILE' || code === 'ENFILE') throw error;
  }
}
