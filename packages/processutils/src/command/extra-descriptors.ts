import type { ChildProcess } from 'node:child_process';
import { fstatSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { InvalidArgumentError } from '../errors/argument-errors.js';
import { captureOutput } from '../output/capture-output.js';
import type { OutputCapture } from '../output/output-capture.js';
import { OutputReader } from '../output/output-reader.js';
import { encodeText } from '../output/text-decoding.js';
import { hidden } from './masked-misuse.js';

/**
 * What a command has at a descriptor from 3 on: the number of a descriptor of this process, which stays open here; what it
 * reads there (`input`); `'pipe'` for what it writes there, captured; `'ignore'` for none.
 */
export type ExtraDescriptor = number | 'pipe' | 'ignore' | { readonly input: string | Uint8Array };

const expected = "a list of open descriptors, 'pipe', 'ignore', or { input: text or bytes }";

/** The descriptors from the option `extraDescriptors`. */
export function checkExtraDescriptors(values: unknown = []): readonly ExtraDescriptor[] {
  // Not `every`, which leaves out the holes of an array.
  if (Array.isArray(values) && Array.from(values).every(isDescriptor)) return values;
  throw new InvalidArgumentError('extraDescriptors', expected, hidden(values));
}

function isDescriptor(value: unknown): value is ExtraDescriptor {
  if (typeof value === 'number') return Number.isInteger(value) && value >= 0 && isOpen(value);
  if (typeof value !== 'object' || value === null) return value === 'pipe' || value === 'ignore';
  const { input, ...rest } = value as { input?: unknown };
  return (typeof input === 'string' || input instanceof Uint8Array) && Object.keys(rest).length === 0;
}

function isOpen(descriptor: number): boolean {
  try {
    fstatSync(descriptor);
    return true;
  } catch {
    return false;
  }
}

/** What the system is to put there. */
export function stdioOf(descriptor: ExtraDescriptor): number | 'pipe' | 'ignore' {
  return typeof descriptor === 'object' ? 'pipe' : descriptor;
}

/** Writes the inputs of a command's extra descriptors and reads their outputs. */
export class ExtraStreams {
  readonly readers: readonly OutputReader[];
  readonly #captures: readonly (OutputCapture | undefined)[];
  readonly #inputs: readonly Writable[];

  constructor(
    child: ChildProcess,
    descriptors: readonly ExtraDescriptor[],
    { limit, binary }: { readonly limit: number; readonly binary: boolean },
    fail: (error: unknown) => void,
  ) {
    const readers: OutputReader[] = [];
    const inputs: Writable[] = [];
    this.#captures = descriptors.map((descriptor, index) => {
      const stream = child.stdio[index + 3] as (Readable & Writable) | null | undefined;
      if (typeof descriptor === 'object' && stream) {
        // As with stdin: a command need not read all of it.
        stream.on('error', () => stream.destroy());
        stream.end(typeof descriptor.input === 'string' ? encodeText(descriptor.input) : descriptor.input);
        inputs.push(stream);
      }
      if (descriptor !== 'pipe') return undefined;
      const reader = new OutputReader(stream ?? null, captureOutput(limit, binary), {}, fail);
      readers.push(reader);
      return reader.capture;
    });
    this.readers = readers;
    this.#inputs = inputs;
  }

  /** What `read` makes of the output at each descriptor; `undefined` where the command has none to write to. */
  outputs<T>(read: (capture: OutputCapture) => T): (T | undefined)[] {
    return this.#captures.map((capture) => capture && read(capture));
  }

  close(): void {
    for (const stream of [...this.#inputs]) stream.destroy();
  }
}
