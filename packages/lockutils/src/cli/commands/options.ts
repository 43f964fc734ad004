import { homedir } from 'node:os';
import { join } from 'node:path';
import { configFilesIn, loadConfigFile } from '@oslo-concurrency/core';
import { InvalidArgumentError, Option } from 'commander';
import { durationForm, parseDuration } from '../terminal/duration.js';

/** Parses a duration option to milliseconds. */
export function toMilliseconds(text: string): number {
  const milliseconds = parseDuration(text);
  if (milliseconds === undefined) throw new InvalidArgumentError(`Expected ${durationForm}.`);
  return milliseconds;
}

/** Parses an option that is a whole number from `least` to `most`. */
export function toWhole(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) {
      throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`);
    }
    return value;
  };
}

/** Refuses the empty text: an unset variable produces it, and it would mean another directory. */
function toDirectory(text: string): string {
  if (text === '') throw new InvalidArgumentError('Expected a directory.');
  return text;
}

/** The parsed form of {@link placeOptions}. */
export interface PlaceOptions {
  readonly lockPath?: string;
  /** The sources that --config-file and --config-dir name, in the order of both together. */
  readonly configFile?: ConfigSources;
  readonly configDir?: ConfigSources;
}

/** Each function lists the files of one option. It is called when the command runs. */
type ConfigSources = readonly (() => readonly string[])[];

/** The options of every command that determine where the locks are. */
export function placeOptions(): readonly Option[] {
  // One list for both options: the last one named takes precedence, whether it is a file or a directory.
  const sources: (() => readonly string[])[] = [];
  const add =
    (expected: string, filesOf: (path: string) => readonly string[]) =>
    (text: string): ConfigSources => {
      if (text === '') throw new InvalidArgumentError(`Expected ${expected}.`);
      sources.push(() => filesOf(withHome(text)));
      return sources;
    };
  return [
    new Option(
      '--lock-path <dir>',
      'directory of the lock files (default: $OSLO_LOCK_PATH, or the setting in the configuration files)',
    ).argParser(toDirectory),
    new Option(
      '--config-file <file>',
      'read [oslo_concurrency] of this INI file; may be repeated, and the last that sets an option wins',
    ).argParser(add('a file', (path) => [path])),
    new Option('--config-dir <dir>', 'read the files *.conf of this directory, in the order of their names').argParser(
      add('a directory', configFilesIn),
    ),
  ];
}

/** Loads the files that --config-file and --config-dir name. @throws ConfigFileError if one of them cannot be used */
export function loadConfigOf({ configFile, configDir }: PlaceOptions): void {
  loadConfigFile(...(configFile ?? configDir ?? []).flatMap((filesOf) => filesOf()));
}

// As oslo.config does: a shell does not expand the tilde in --config-file=~/service.conf.
function withHome(path: string): string {
  return path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path;
}
