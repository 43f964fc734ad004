import { Writable } from 'node:stream';
import { InvalidArgumentError } from '../errors/argument-errors.js';
import type { OutputPlan, OutputTarget } from './command.js';
import { hidden } from './masked-misuse.js';
import { checkFunction, checkNumber } from './option-values.js';

// An error needs only the beginning and the end of output that was handed on.
const keptOfStreams = 1024 * 1024;

const names: readonly unknown[] = ['pipe', 'inherit', 'tee', 'ignore'];

/** Whether this process sees the output that goes there. */
export function isRead(target: unknown): boolean {
  return target !== 'inherit' && target !== 'ignore';
}

const isSize = (value: number): boolean =>
  value >= 0 && (Number.isInteger(value) || value === Number.POSITIVE_INFINITY);

/** What is to be done with stdout or stderr, from the options about it. */
export function outputPlan(
  name: 'stdout' | 'stderr',
  target: unknown = 'pipe',
  lineName: 'onStdoutLine' | 'onStderrLine',
  onLine: ((line: string) => unknown) | undefined,
  maxBuffer: unknown,
): OutputPlan {
  if (!names.includes(target) && !(target instanceof Writable)) {
    throw new InvalidArgumentError(name, "'pipe', 'inherit', 'tee', 'ignore' or a writable stream", hidden(target));
  }
  if (target instanceof Writable && !target.writable) {
    throw new InvalidArgumentError(name, 'a stream that can still be written to', hidden(target));
  }
  checkFunction(lineName, onLine);
  if (!isRead(target) && onLine !== undefined) {
    throw new InvalidArgumentError(
      lineName,
      `left out when ${name} is '${target}', which this process cannot read`,
      onLine,
    );
  }
  const handedOn = onLine !== undefined || typeof target === 'object';
  const limit = maxBuffer ?? (handedOn ? keptOfStreams : Number.POSITIVE_INFINITY);
  checkNumber('maxBuffer', limit, 'a whole number of bytes from 0, or Infinity', isSize);
  return { target: target as OutputTarget, onLine, limit: limit as number };
}
