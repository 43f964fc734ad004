import { InvalidOptionError } from '../errors.js';
import { unknownOptionText } from '../option-names.js';
import { processState } from '../process-state.js';

/** One option, as {@link registerOption} takes it and {@link listOpts} lists it. */
export interface OptionDefinition<T = unknown> {
  /** The name in code: `lockPath`. Its name in a file is the same in snake case: `lock_path`. */
  readonly name: string;
  readonly type: 'string' | 'boolean' | 'number';
  readonly default: T;
  /** One sentence for people. */
  readonly help: string;
  /** The environment variable that sets it. */
  readonly env?: string;
  /** A phrase for error messages that says what a value must be. */
  readonly expected: string;
  /** Whether `value` is acceptable. The type was checked before. */
  accepts(value: T): boolean;
}

const definitions = processState('core/options', 1, () => new Map<string, OptionDefinition>());

/**
 * Adds an option to the group `oslo_concurrency`. A second registration of the same name changes nothing.
 *
 * @example
 * registerOption({ name: 'workers', type: 'number', default: 4, help: 'Number of workers.',
 *   expected: 'a positive integer', accepts: (n: number) => Number.isInteger(n) && n > 0 });
 */
export function registerOption<T>(definition: OptionDefinition<T>): void {
  if (!definitions.has(definition.name)) definitions.set(definition.name, definition as OptionDefinition);
}

/** The registered options. */
export function registeredOptions(): readonly OptionDefinition[] {
  return [...definitions.values()];
}

/** The registered option of this name. @throws InvalidOptionError if there is none */
export function definitionOf(name: string): OptionDefinition {
  const definition = definitions.get(name);
  if (definition === undefined) {
    const known = [...definitions.keys()];
    throw new InvalidOptionError('option', `one of ${known.join(', ')}`, name, unknownOptionText(name, known));
  }
  return definition;
}

/** An option as {@link listOpts} describes it. */
export type OptionDescription = Pick<OptionDefinition, 'name' | 'type' | 'default' | 'help' | 'env'>;

/** Lists the registered options by group, for documentation and tools. oslo's counterpart: `opts.list_opts`. */
export function listOpts(): { readonly group: 'oslo_concurrency'; readonly options: readonly OptionDescription[] }[] {
  const options = registeredOptions().map(({ name, type, default: byDefault, help, env }) => ({
    name,
    type,
    default: byDefault,
    help,
    ...(env === undefined ? {} : { env }),
  }));
  return [{ group: 'oslo_concurrency', options }];
}

/** Throws unless the option `name` accepts `value`. @throws InvalidOptionError */
export function checkValue(name: string, value: unknown): void {
  const definition = definitionOf(name);
  if (!isAccepted(definition, value)) throw new InvalidOptionError(name, definition.expected, value);
}

// These are oslo.config's words, so that a file or a variable means the same in both languages.
const truths = new Map([
  ...['true', '1', 'yes', 'on'].map((word) => [word, true] as const),
  ...['false', '0', 'no', 'off'].map((word) => [word, false] as const),
]);

/** Turns the text of a variable or a file into the option's value. The error for a wrong text names `source`. */
export function parseOption(definition: OptionDefinition, text: string, source: string): unknown {
  let value: unknown = text;
  if (definition.type === 'boolean') value = truths.get(text.toLowerCase());
  if (definition.type === 'number') value = text.trim() === '' ? Number.NaN : Number(text);
  if (!isAccepted(definition, value)) throw new InvalidOptionError(source, definition.expected, text);
  return value;
}

function isAccepted(definition: OptionDefinition, value: unknown): boolean {
  return typeof value === definition.type && definition.accepts(value);
}
