import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TextDecoder } from 'node:util';
import { ConcurrencyError, InvalidOptionError } from '../errors.js';
import { processState } from '../process-state.js';
import { type ConfigOverride, type FileValue, setFileValue } from './config.js';
import { type OptionDefinition, parseOption, registeredOptions } from './option-definitions.js';
import { type IniLookup, parseOsloIni } from './oslo-ini.js';

/** A configuration file or directory cannot be read, or one of its values is not usable. None of its values is in force. */
export class ConfigFileError extends ConcurrencyError {
  override readonly name: string = 'ConfigFileError';
  readonly code = 'ERR_CONFIG_FILE';
  /** The file or directory. */
  readonly path: string;

  constructor(path: string, problem: string, cause: unknown) {
    super(`${path}: ${problem}`, { cause });
    this.path = path;
  }
}

interface ConfigFile {
  readonly path: string;
  readonly lookup: IniLookup;
}

// The file that was loaded last comes first, as in oslo.config.
const loaded = processState('core/config-files', 1, (): { files: readonly ConfigFile[] } => ({ files: [] }));

/**
 * Reads options of the group `[oslo_concurrency]` (`lock_path`, `disable_process_locking`) from INI files of oslo.config's
 * form. It ignores all other groups and options.
 *
 * Files add up, within one call and over several calls: an option that the last file does not set keeps the value of an
 * earlier file. To load a file again replaces its values, and makes it the last file. The reference in
 * `$state_path/locks` becomes the value in `[DEFAULT]` of the last file that sets `state_path`. Code and environment stay
 * above the files.
 *
 * Returns a function that forgets these files. The function is also a disposable, for `using`.
 *
 * oslo's counterpart: `CONF(['--config-file', path, '--config-file', another])`.
 * @param paths - The files, in the order in which they add up.
 * @throws ConfigFileError if a file cannot be read, if a value is not usable, or if a file sets an option in `[DEFAULT]`
 * only, where oslo.concurrency does not read it since version 6. No file of this call is in force then.
 * @example
 * loadConfigFile('/etc/nova/nova.conf', ...configFilesIn('/etc/nova/nova.conf.d'));
 */
export function loadConfigFile(...paths: readonly string[]): ConfigOverride {
  for (const path of paths) {
    if (typeof path !== 'string' || path === '') throw new InvalidOptionError('path', 'the path of a file', path);
  }
  let files = loaded.files;
  const added: ConfigFile[] = [];
  for (const path of paths) {
    const file = readConfigFile(path);
    added.push(file);
    files = [file, ...files.filter((other) => other.path !== file.path)];
  }
  const value = valuesOf(files);
  for (const definition of registeredOptions()) value(definition);
  loaded.files = files;
  setFileValue(value);
  const forget = (): void => {
    loaded.files = loaded.files.filter((file) => !added.includes(file));
    setFileValue(valuesOf(loaded.files));
  };
  return Object.assign(forget, { [Symbol.dispose]: forget });
}

/**
 * Lists the files of a directory that oslo.config reads for `--config-dir`: those named `*.conf` that are not hidden, sorted
 * by name, so that the last one wins in {@link loadConfigFile}. It does not read the files.
 *
 * oslo's counterpart: `CONF(['--config-dir', directory])`.
 * @param directory - The directory to list.
 * @throws ConfigFileError if the directory cannot be read.
 */
export function configFilesIn(directory: string): string[] {
  if (typeof directory !== 'string' || directory === '') {
    throw new InvalidOptionError('directory', 'the path of a directory', directory);
  }
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    throw new ConfigFileError(directory, `cannot be read (${(error as NodeJS.ErrnoException).code})`, error);
  }
  return names
    .filter((name) => name.endsWith('.conf') && !name.startsWith('.'))
    .sort(byCodePoint)
    .map((name) => join(directory, name));
}

// Python's order. JavaScript's `<` puts U+10000 before U+E000.
function byCodePoint(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}

function readConfigFile(path: string): ConfigFile {
  const text = readText(path);
  try {
    const lookup = parseOsloIni(text);
    // The path is resolved after the read: a relative path has no meaning if the working directory was removed.
    return { path: resolve(path), lookup };
  } catch (error) {
    throw new ConfigFileError(path, (error as Error).message, error);
  }
}

/** The values that `files` give options. Each value is cached, since every call of a lock reads it. */
function valuesOf(files: readonly ConfigFile[]): FileValue {
  const known = new Map<string, unknown>();
  return (definition) => {
    if (!known.has(definition.name)) known.set(definition.name, valueIn(files, definition));
    return known.get(definition.name);
  };
}

function valueIn(files: readonly ConfigFile[], definition: OptionDefinition): unknown {
  const key = keyOf(definition);
  for (const { path, lookup } of files) checkPlace(path, lookup, key);
  for (const { path, lookup } of files) {
    const raw = lookup('oslo_concurrency', key);
    if (raw === undefined) continue;
    try {
      return parseOption(definition, substituted(raw.text, key, files), key);
    } catch (error) {
      throw new ConfigFileError(path, `line ${raw.line}: ${(error as Error).message}`, error);
    }
  }
  return undefined;
}

// oslo.concurrency up to version 5 reads the option in [DEFAULT], and ignores it there since version 6. Whichever way this
// function chose, a Python service with one of the two versions would keep its locks elsewhere. If the file also sets the
// option in the group, that value counts for all of them.
function checkPlace(path: string, lookup: IniLookup, key: string): void {
  const misplaced = lookup('DEFAULT', key);
  if (misplaced === undefined || lookup('oslo_concurrency', key) !== undefined) return;
  const problem = `${key} is in [DEFAULT], where oslo.concurrency does not read it since its version 6; move it to [oslo_concurrency]`;
  throw new ConfigFileError(path, `line ${misplaced.line}: ${problem}`, undefined);
}

function keyOf(definition: OptionDefinition): string {
  return definition.name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function readText(path: string): string {
  let bytes: Buffer;
  try {
    // To read a FIFO would block this process until a writer comes.
    if (!statSync(path).isFile()) throw Object.assign(new Error('not a regular file'), { code: 'not a regular file' });
    bytes = readFileSync(path);
  } catch (error) {
    throw new ConfigFileError(path, `cannot be read (${(error as NodeJS.ErrnoException).code})`, error);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new ConfigFileError(path, 'is not UTF-8 text', error);
  }
}

// The letters of oslo.config's identifiers. It matches case-insensitively, so Python's a-z includes the last four.
const letters = 'A-Za-z\u0130\u0131\u017f\u212a';
const reference = new RegExp(
  `\\$(?:\\$|(?<plain>[_${letters}][._0-9${letters}]*)|\\{(?<braced>[_${letters}][._0-9${letters}]*)\\})`,
  'g',
);

/**
 * Replaces `$name` and `${name}` by the value in `[DEFAULT]`, which holds a service's own options. `$$` and `\$` mean `$`.
 *
 * Refuses each reference that the files alone cannot resolve as the service would: a name that no file sets (the service's
 * built-in value is unknown here), a name of another group, and an option of our own group, whose type would change its
 * text.
 */
function substituted(text: string, key: string, files: readonly ConfigFile[], within: readonly string[] = []): string {
  return text.replaceAll('\\$', '$$$$').replace(reference, (whole, plain?: string, braced?: string) => {
    if (whole === '$$') return '$';
    const name = plain ?? braced ?? '';
    if (within.includes(name)) throw new ReferenceError(`${key} = ... ${whole} ... refers to itself`);
    if (registeredOptions().some((definition) => keyOf(definition) === name)) {
      throw new ReferenceError(`${key} = ... ${whole} ... refers to an option of [oslo_concurrency]; write its value`);
    }
    const found = lastOf(files, name);
    if (found === undefined) {
      throw new ReferenceError(`${key} = ... ${whole} ... needs ${name} in [DEFAULT] of a loaded file`);
    }
    return substituted(found, key, files, [...within, name]);
  });
}

function lastOf(files: readonly ConfigFile[], name: string): string | undefined {
  for (const { lookup } of files) {
    const found = lookup('DEFAULT', name);
    if (found !== undefined) return found.text;
  }
  return undefined;
}
