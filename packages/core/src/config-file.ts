import { readFileSync, statSync } from 'node:fs';
import { type OptionDefinition, parseOption, registeredOptions, setFileValues } from './config.js';
import { ConcurrencyError, InvalidOptionError } from './errors.js';
import { type IniLookup, parseOsloIni } from './oslo-ini.js';

/** A configuration file cannot be read, or a value in it cannot be used. No value of it is in force. */
export class ConfigFileError extends ConcurrencyError {
  readonly code = 'ERR_CONFIG_FILE';
  /** The file. */
  readonly path: string;

  constructor(path: string, problem: string, cause: unknown) {
    super(`${path}: ${problem}`, { cause });
    this.path = path;
  }
}

/**
 * Reads options from an INI file of oslo.config's form, replacing what an earlier file set.
 *
 * Taken are the registered options in `[oslo_concurrency]` (`lock_path`, `disable_process_locking`), else in
 * `[DEFAULT]`, where oslo once kept them; everything else is left to its owners. `$state_path/locks` is filled in with
 * the text that `[DEFAULT]` of the same file has. Code and environment stay above the file.
 *
 * oslo's counterpart: `CONF(['--config-file', path])`.
 * @throws ConfigFileError when the file cannot be read, or a value cannot be used; the earlier values stay in force.
 */
export function loadConfigFile(path: string): void {
  if (typeof path !== 'string' || path === '') throw new InvalidOptionError('path', 'the path of a file', path);
  const text = readText(path);
  const values = new Map<string, unknown>();
  let where = '';
  try {
    const lookup = parseOsloIni(text);
    for (const definition of registeredOptions()) {
      const key = keyOf(definition);
      const raw = lookup('oslo_concurrency', key) ?? lookup('DEFAULT', key);
      if (raw === undefined) continue;
      where = `line ${raw.line}: `;
      values.set(definition.name, parseOption(definition, substituted(raw.text, key, lookup), key));
    }
  } catch (error) {
    throw new ConfigFileError(path, `${where}${(error as Error).message}`, error);
  }
  setFileValues(values);
}

function keyOf(definition: OptionDefinition): string {
  return definition.name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function readText(path: string): string {
  let bytes: Buffer;
  try {
    // A FIFO would keep this process waiting for a writer.
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

// oslo.config's identifiers. It matches case-insensitively, by which Python's a-z includes the last four.
const letters = 'A-Za-z\u0130\u0131\u017f\u212a';
const reference = new RegExp(
  `\\$(?:\\$|(?<plain>[_${letters}][._0-9${letters}]*)|\\{(?<braced>[_${letters}][._0-9${letters}]*)\\})`,
  'g',
);

/**
 * Fills in `$name` and `${name}` from `[DEFAULT]`, where a service's own options stand; `$$` and `\$` are a `$`.
 *
 * Refused is what this file alone cannot answer as the service would: a name it does not set (the service's built-in
 * value is unknown here), one of another group, and an option of our own group, whose type would change its text.
 */
function substituted(text: string, key: string, lookup: IniLookup, within: readonly string[] = []): string {
  return text.replaceAll('\\$', '$$$$').replace(reference, (whole, plain?: string, braced?: string) => {
    if (whole === '$$') return '$';
    const name = plain ?? braced ?? '';
    if (within.includes(name)) throw new ReferenceError(`${key} = ... ${whole} ... refers to itself`);
    const found = registeredOptions().some((definition) => keyOf(definition) === name)
      ? undefined
      : lookup('DEFAULT', name);
    if (found === undefined)
      throw new ReferenceError(`${key} = ... ${whole} ... needs ${name} in [DEFAULT] of the same file`);
    return substituted(found.text, key, lookup, [...within, name]);
  });
}
