import { InvalidOptionError } from './errors.js';

/**
 * The error for an unknown option: `Unknown option 'externl'. Did you mean 'external'?`. If no known name is near, it lists
 * the known names. Its `option` is `options`, and its `received` is `received`.
 *
 * oslo's counterpart: `TypeError` for an unexpected keyword argument; for `execute`, `UnknownArgumentError`.
 * @param name - The name that was given.
 * @param known - The names that exist.
 * @param received - The options that were given.
 */
export function unknownOption(name: string, known: Iterable<string>, received: unknown): InvalidOptionError {
  const names = [...known];
  return new InvalidOptionError('options', `of ${names.join(', ')} only`, received, unknownOptionText(name, names));
}

/**
 * The message of {@link unknownOption}.
 * @param name - The name that was given.
 * @param known - The names that exist.
 */
export function unknownOptionText(name: string, known: readonly string[]): string {
  const near = nearestName(name, known);
  const advice = near === undefined ? `Known are ${known.join(', ')}` : `Did you mean '${near}'?`;
  return `Unknown option '${name}'. ${advice}`;
}

/**
 * Throws unless `options` is an object with no other options than `known`. An option that is `undefined` counts as
 * absent. Values are not checked.
 *
 * @param options - The options that a caller gave.
 * @param known - The names that exist.
 * @throws InvalidOptionError
 */
export function checkOptionNames(options: unknown, known: ReadonlySet<string>): asserts options is object {
  if (typeof options !== 'object' || options === null) throw new InvalidOptionError('options', 'an object', options);
  for (const [name, value] of Object.entries(options)) {
    if (value !== undefined && !known.has(name)) throw unknownOption(name, known, options);
  }
}

/**
 * The name in `known` that differs from `name` by the fewest letters; `undefined` if more than a third of them differ.
 * @param name - The name that was given.
 * @param known - The names that exist.
 */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  let nearest: string | undefined;
  let least = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const apart = lettersApart(name.toLowerCase(), candidate.toLowerCase());
    if (apart >= least) continue;
    least = apart;
    nearest = candidate;
  }
  return nearest;
}

/** The number of letters to add, remove, change, or swap with the next one, to turn `a` into `b`. */
function lettersApart(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const changed = at(rows, i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(changed, at(rows, i - 1, j) + 1, (row[j - 1] as number) + 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) best = Math.min(best, at(rows, i - 2, j - 2) + 1);
      row.push(best);
    }
    rows.push(row);
  }
  return at(rows, a.length, b.length);
}

function at(rows: readonly (readonly number[])[], i: number, j: number): number {
  return rows[i]?.[j] as number;
}
