import { closeSync, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import { devNull } from 'node:os';

/**
 * Loads a third-party package at its first use, so that importing ours costs little (G22). For the packages of this
 * family; it is exported for them, and promises nothing to others.
 *
 * `base` is the `import.meta.url` of the caller, whose package depends on `name`. Loads at once: by `require`, which
 * since Node 20.19 loads ES modules too. The package is the same instance that `import` gives.
 *
 * @throws the system's error (`EMFILE`, `ENFILE`) where no descriptor is left, before anything is loaded: a file that
 * Node could not read once counts as missing for the rest of the process.
 * @throws what `require` throws
 */
export function loadPackage<M>(base: string, name: string): M {
  checkDescriptors();
  return createRequire(base)(name) as M;
}

/** Throws where no descriptor is left to read files with. For code that resolves and loads a package step by step. */
export function checkDescriptors(): void {
  try {
    closeSync(openSync(devNull, 'r'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Any other refusal (`node --permission`, a root without /dev) says nothing about descriptors.
    if (code === 'EMFILE' || code === 'ENFILE') throw error;
  }
}
