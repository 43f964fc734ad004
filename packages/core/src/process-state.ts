/**
 * Returns the single value of this process for `name`. The first call creates it.
 *
 * Two installed copies of a package (or one loaded by `import` and one by `require`) share the value, because it is a
 * property of `globalThis` under a registered symbol. `version` is part of the key: raise it if the shape of the value
 * changes, so that an old copy never reads a shape that it does not know. A worker thread has a `globalThis` of its own,
 * and therefore a value of its own.
 *
 * @param name - The name of the value.
 * @param version - The version of its shape.
 * @param create - Makes the value, at the first call in this process.
 * @example
 * const registry = processState('lockutils/registry', 1, () => new Map());
 */
export function processState<T>(name: string, version: number, create: () => T): T {
  const key = Symbol.for(`@oslo-concurrency/${name}@${version}`);
  const holder = globalThis as { [key: symbol]: T | undefined };
  const existing = holder[key];
  if (existing !== undefined) return existing;
  const created = create();
  // Not enumerable and not writable, so no code can replace a registry of locks that are held.
  Object.defineProperty(globalThis, key, { value: created, enumerable: false, writable: false, configurable: false });
  return created;
}
