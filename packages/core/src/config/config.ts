import { resolve } from 'node:path';
import { InvalidOptionError } from '../errors.js';
import { processState } from '../process-state.js';
import { checkValue, definitionOf, type OptionDefinition, parseOption, registerOption } from './option-definitions.js';

/** The options of the group `oslo_concurrency`. A package that registers more options extends this interface. */
export interface ConfigValues {
  /** The directory of lock files. A relative path is resolved against the working directory at each use. */
  lockPath: string | undefined;
  /** `true` turns every external lock into an internal one. */
  disableProcessLocking: boolean;
}

type Layer = ReadonlyMap<string, unknown>;

interface ConfigState {
  /** The newest override wins. The handle of each {@link configure} removes its own, in any order. */
  readonly overrides: Set<Layer>;
  fileValue: FileValue;
  readonly defaults: Map<string, unknown>;
}

/** Returns the value that the configuration files give an option; `undefined` if no file sets it. */
export type FileValue = (definition: OptionDefinition) => unknown;

const state = processState(
  'core/config',
  3,
  (): ConfigState => ({ overrides: new Set(), fileValue: () => undefined, defaults: new Map() }),
);

registerOption<string | undefined>({
  name: 'lockPath',
  type: 'string',
  default: undefined,
  help: 'Directory of the lock files. Only the users whose processes take part should be able to write to it.',
  env: 'OSLO_LOCK_PATH',
  expected: 'a path that is not empty and has no NUL',
  accepts: (value) => value !== undefined && value !== '' && !value.includes('\0'),
});
registerOption<boolean>({
  name: 'disableProcessLocking',
  type: 'boolean',
  default: false,
  help: 'Makes external locks hold inside one process only.',
  env: 'OSLO_DISABLE_PROCESS_LOCKING',
  expected: 'a boolean',
  accepts: () => true,
});

/** Values for {@link configure}. */
export type ConfigInput = { readonly [Name in keyof ConfigValues]?: NonNullable<ConfigValues[Name]> };

/** Values for {@link setDefaults}; `undefined` restores the built-in default. */
export type ConfigDefaults = { readonly [Name in keyof ConfigValues]?: ConfigValues[Name] | undefined };

/** Undoes one {@link configure}. A second call does nothing. Also a disposable, for `using`. */
export interface ConfigOverride extends Disposable {
  (): void;
}

/**
 * Sets options in code, above environment and files. Returns a function that removes exactly these values.
 *
 * If several overrides set one option, the newest one in force wins. They may be undone in any order.
 *
 * oslo's counterpart: `CONF.set_override`.
 * @param values - The options and their values.
 * @throws InvalidOptionError for an unknown option or a wrong value. Nothing has changed then.
 */
export function configure(values: ConfigInput): ConfigOverride {
  const layer: Layer = new Map(entriesOf(values));
  for (const [name, value] of layer) checkValue(name, value);
  state.overrides.add(layer);
  const undo = (): void => {
    state.overrides.delete(layer);
  };
  return Object.assign(undo, { [Symbol.dispose]: undo });
}

/**
 * Sets the value that an option has if neither code, environment nor file sets it. `undefined` restores the built-in one.
 *
 * oslo's counterpart: `lockutils.set_defaults`.
 * @param values - The options and their defaults.
 * @throws InvalidOptionError for an unknown option or a wrong value. Nothing has changed then.
 */
export function setDefaults(values: ConfigDefaults): void {
  const given = entriesOf(values);
  for (const [name, value] of given) {
    if (value === undefined) definitionOf(name);
    else checkValue(name, value);
  }
  for (const [name, value] of given) {
    if (value === undefined) state.defaults.delete(name);
    else state.defaults.set(name, value);
  }
}

/**
 * The current value of an option: from code, else the environment, else files (the last loaded first), else the default.
 *
 * An environment variable with an empty value counts as not set, as in oslo.
 * @param name - The name of the option, such as `lockPath`.
 * @throws InvalidOptionError if the environment holds a value that the option does not accept, or the option is unknown.
 * @throws ConfigFileError if a file was loaded before the option was registered, and holds a value that it does not accept.
 */
export function getOption<Name extends keyof ConfigValues>(name: Name): ConfigValues[Name] {
  const definition = definitionOf(name);
  let value: unknown;
  for (const layer of state.overrides) if (layer.has(name)) value = layer.get(name);
  if (value === undefined && definition.env !== undefined) {
    const text = process.env[definition.env];
    if (text !== undefined && text !== '') value = parseOption(definition, text, definition.env);
  }
  value ??= state.fileValue(definition) ?? state.defaults.get(name) ?? definition.default;
  return value as ConfigValues[Name];
}

/**
 * The configured directory of lock files as an absolute path, or `undefined`. oslo: `lockutils.get_lock_path`.
 *
 * @throws InvalidOptionError if it is configured as a relative path and the working directory was removed.
 */
export function getLockPath(): string | undefined {
  const path = getOption('lockPath');
  try {
    return path === undefined ? undefined : resolve(path);
  } catch {
    const expected = 'an absolute path, since the working directory of this process was removed';
    throw new InvalidOptionError('lockPath', expected, path);
  }
}

/** Replaces the values of files; for `config-file`. */
export function setFileValue(fileValue: FileValue): void {
  state.fileValue = fileValue;
}

function entriesOf(values: object): [name: string, value: unknown][] {
  if (typeof values !== 'object' || values === null) throw new InvalidOptionError('values', 'an object', values);
  return Object.entries(values);
}
