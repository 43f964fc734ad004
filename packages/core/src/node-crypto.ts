let crypto: typeof import('node:crypto') | undefined;

/**
 * `node:crypto`, loaded at its first use. With the modules that it loads, its import takes a quarter of the time that
 * the import of lockutils takes, and a lock within one thread needs none of it (G22). It is exported for the packages of
 * this family only, and promises nothing to others.
 */
export function nodeCrypto(): typeof import('node:crypto') {
  crypto ??= process.getBuiltinModule('node:crypto');
  return crypto;
}
