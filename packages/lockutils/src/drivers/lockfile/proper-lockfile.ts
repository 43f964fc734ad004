import fs from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, sep } from 'node:path';
import { checkDescriptors } from '@oslo-concurrency/core';

/** The calls that proper-lockfile makes on the file system it is given. */
export interface ProperLockfileFs {
  mkdir(path: string, callback: (error: unknown) => void): void;
  stat(path: string, callback: (error: unknown, stats?: { readonly mtime: Date }) => void): void;
  utimes(path: string, atime: Date, mtime: Date, callback: (error: unknown) => void): void;
  rmdir(path: string, callback: (error: unknown) => void): void;
  mkdirSync(path: string): void;
  statSync(path: string): { readonly mtime: Date };
  utimesSync(path: string, atime: Date, mtime: Date): void;
  rmdirSync(path: string): void;
}

/** The options of proper-lockfile that we use. Its times are milliseconds. */
export interface ProperLockfileOptions {
  readonly lockfilePath: string;
  readonly fs: ProperLockfileFs;
  readonly realpath: false;
  readonly stale: number;
  readonly update: number;
  readonly onCompromised: (error: Error) => void;
}

/** The part of proper-lockfile that we use. Both functions throw or reject with `ELOCKED` if the lock is held. */
export interface ProperLockfile {
  lock(file: string, options: ProperLockfileOptions): Promise<() => Promise<void>>;
  lockSync(file: string, options: ProperLockfileOptions): () => void;
}

let loaded: ProperLockfile | undefined;

/**
 * proper-lockfile, loaded at the first call, as a separate instance.
 *
 * Loaded normally, it would hook 16 signals and the process's exit (by signal-exit) and replace `fs.close`,
 * `process.cwd` and `process.chdir` (by graceful-fs). We need neither: the driver recognises what an ended process
 * leaves behind, and all calls go through our own `fs`. So while it loads, harmless stand-ins replace these two
 * modules. The instance is separate because proper-lockfile stores its locks by path: locks that the program itself
 * makes with it stay apart, and keep their cleanup at exit. A module loader without `require.cache` ignores all this;
 * then the hooks are installed, and do nothing to our locks.
 */
export function loadProperLockfile(): ProperLockfile {
  loaded ??= loadQuietly();
  return loaded;
}

function loadQuietly(): ProperLockfile {
  checkDescriptors();
  const require = createRequire(import.meta.url);
  const entry = require.resolve('proper-lockfile');
  const ofPackage = dirname(entry) + sep;
  const { resolve } = createRequire(entry);
  const standIns = new Map<string, unknown>([
    [resolve('signal-exit'), () => () => {}],
    [resolve('graceful-fs'), fs],
  ]);
  const { cache } = require;
  const isOurs = (path: string): boolean => path.startsWith(ofPackage) || standIns.has(path);
  const before = Object.entries(cache).filter(([path]) => isOurs(path));
  for (const [path] of before) delete cache[path];
  for (const [path, exports] of standIns) {
    cache[path] = { id: path, path: dirname(path), filename: path, loaded: true, children: [], exports } as never;
  }
  try {
    return require(entry) as ProperLockfile;
  } finally {
    for (const path of Object.keys(cache)) if (isOurs(path)) delete cache[path];
    for (const [path, module] of before) cache[path] = module;
  }
}
