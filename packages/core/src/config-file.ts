import { readFileSync } from 'node:fs';
import { parse } from 'ini';
import { parseOption, registeredOptions, setFileValues } from './config.js';
import { ConcurrencyError } from './errors.js';

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

type Section = { readonly [key: string]: unknown };

/**
 * Reads options from an INI file of oslo.config's form, replacing what an earlier file set.
 *
 * Taken are the registered options in `[oslo_concurrency]` (`lock_path`, `disable_process_locking`), else in
 * `[DEFAULT]`, where oslo once kept them; everything else is left to its owners. `$state_path/locks` is filled in from
 * the same file. Code and environment stay above the file. oslo's counterpart: `CONF(['--config-file', path])`.
 *
 * @throws ConfigFileError when the file cannot be read, or a value cannot be used; the earlier values stay in force.
 */
export function loadConfigFile(path: string): void {
  const sections = readSections(path);
  const group = sections.oslo_concurrency ?? {};
  const fallback = sections.DEFAULT ?? {};
  const values = new Map<string, unknown>();
  for (const definition of registeredOptions()) {
    const key = definition.name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const text = group[key] ?? fallback[key];
    if (text === undefined) continue;
    try {
      values.set(definition.name, parseOption(definition, interpolate(String(text), group, fallback), key));
    } catch (error) {
      throw new ConfigFileError(path, (error as Error).message, error);
    }
  }
  setFileValues(values);
}

function readSections(path: string): Record<string, Section | undefined> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConfigFileError(path, `cannot be read (${(error as NodeJS.ErrnoException).code})`, error);
  }
  return parse(toIni(text)) as Record<string, Section | undefined>;
}

/**
 * oslo.config's dialect as the `ini` library reads it. They differ where a silent difference would put two services
 * on two directories: `#` and `;` inside a value belong to it, a key may end in `:`, and an indented line continues
 * the one before.
 */
function toIni(text: string): string {
  const lines: string[] = [];
  for (const line of text.replace(/^\uFEFF/, '').split(/\r?\n/)) {
    if (/^[#;]/.test(line)) continue;
    if (/^\s+\S/.test(line) && lines.length > 0) {
      lines[lines.length - 1] += `\\n${escapeValue(line.trim())}`;
      continue;
    }
    const entry = /^([^=:[\s][^=:]*?)\s*[=:]\s*(.*)$/.exec(line);
    lines.push(entry === null ? line : `${entry[1]}=${quoted(entry[2] ?? '')}`);
  }
  return lines.join('\n');
}

function quoted(value: string): string {
  const trimmed = value.trim();
  const bare = /^(["'])(.*)\1$/.exec(trimmed)?.[2] ?? trimmed;
  return escapeValue(bare);
}

// The characters that `ini` would take for the start of a comment or for an escape.
function escapeValue(value: string): string {
  return value.replace(/[\\;#]/g, (character) => `\\${character}`);
}

function interpolate(text: string, ...sections: readonly Section[]): string {
  return text.replace(/\$(?:\$|(\w+)|\{(\w+)\})/g, (whole, plain?: string, braced?: string) => {
    if (whole === '$$') return '$';
    const key = plain ?? braced ?? '';
    const found = sections.map((section) => section[key]).find((value) => value !== undefined);
    if (found === undefined) throw new ReferenceError(`${whole} is not set in this file`);
    return interpolate(String(found), ...sections);
  });
}
