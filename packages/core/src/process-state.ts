/**
 * Returns the one value of this process for `name`, creating it at the first call.
 *
 * Two installed copies of a package (or one loaded by `import` and one by `require`) share it, because it hangs on
 * `globalThis` under a registered symbol. `version` is part of the key: raise it when the shape of the value changes,
 * so that an old copy never reads a shape it does not know. Worker threads have a `globalThis` of their own and
 * therefore a value of their own.
 *
 * @example
 * const registry = processState('lockutils/registry', 1, () => new Map());
 */
export function processState<T>(name: string, version: number, create: () => T): T {
  const key = Symbol.for(`@oslo-concurrency/${name}@${version}`);
  const holder = globalThis as { [key: symbol]: T | undefined };
  const existing = holder[key];
  if (existing !== undefined) return existing;
  const created = create();
  // Not enumerable and not writable: nobody swaps a registry that others already hold locks in.
  Object.defineProperty(globalThis, key, { value: created, enumerable: false, writable: false, configurable: false });
  return created;
}
