import { InvalidArgumentError, Option } from 'commander';
import { durationForm, parseDuration } from './duration.js';

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

/** Refuses the empty text: what an unset variable leaves would mean another directory. */
function toDirectory(text: string): string {
  if (text === '') throw new InvalidArgumentError('Expected a directory.');
  return text;
}

/** The options that say where the locks are, as every command has them. */
export function placeOptions(): readonly Option[] {
  return [
    new Option(
      '--lock-path <dir>',
      'directory of the lock files (default: $OSLO_LOCK_PATH, or what --config-file says)',
    ).argParser(toDirectory),
    new Option('--config-file <file>', 'read lock_path from [oslo_concurrency] of this INI file'),
  ];
}
