import { Readable, type Writable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { InvalidArgumentError } from '../errors/argument-errors.js';
import { encodeText } from '../output/text-decoding.js';
import type { Command, ProcessInput } from './command.js';
import { hidden } from './masked-misuse.js';

/** Whether the whole input is there from the beginning, and can be given again. */
export function isWhole(input: ProcessInput | undefined): input is string | Uint8Array | undefined {
  return input === undefined || typeof input === 'string' || input instanceof Uint8Array;
}

/** The input from the option `processInput`. Takes nothing from it yet: another option may be wrong. */
export function checkInput(input: unknown, attempts: number): ProcessInput | undefined {
  if (isWhole(input as ProcessInput)) return input as ProcessInput;
  if (!isIterable(input)) {
    throw new InvalidArgumentError('processInput', 'a string, bytes, a stream or an iterable of these', hidden(input));
  }
  if (attempts > 1) {
    throw new InvalidArgumentError('processInput', 'text or bytes when there may be several attempts', hidden(input));
  }
  // Nothing more would come of it, its end neither: the command would wait forever.
  const isDestroyed = input instanceof Readable && input.destroyed && !input.readableEnded && input.errored === null;
  if (isDestroyed || (!(input instanceof Readable) && isWebStream(input) && input.locked)) {
    throw new InvalidArgumentError('processInput', 'a stream that can still be read', hidden(input));
  }
  return input as ProcessInput;
}

// Not imported: to load this module takes a seventh of the import of processutils, and few commands read from one.
function isWebStream(input: unknown): input is ReadableStream {
  return input instanceof process.getBuiltinModule('node:stream/web').ReadableStream;
}

function isIterable(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { [Symbol.asyncIterator]: later, [Symbol.iterator]: now } = value as {
    [Symbol.asyncIterator]?: unknown;
    [Symbol.iterator]?: unknown;
  };
  return typeof later === 'function' || typeof now === 'function';
}

/**
 * Writes the input of a command and closes its stdin. Returns how to stop, after which the source is let go of.
 *
 * A command need not read its input to the end, so that the pipe is closed early is no failure, as in oslo; that the
 * input itself breaks off is one.
 */
export function feedInput(
  stdin: Writable | null,
  { processInput: input, stdout, stderr }: Pick<Command, 'processInput' | 'stdout' | 'stderr'>,
  fail: (error: unknown) => void,
): () => void {
  if (input === undefined || stdin === null) return () => {};
  if (isWhole(input)) {
    stdin.on('error', () => stdin.destroy());
    stdin.end(typeof input === 'string' ? encodeText(input) : input);
    return () => stdin.destroy();
  }
  const source = openSource(input);
  const stop = feedStream(stdin, source, fail);
  const isOutputToo = [stdout.target, stderr.target].some((target) => (target as unknown) === source);
  return () => {
    stop();
    if (isOutputToo) source.off('error', ignore);
    else letGo(source);
  };
}

/** Lets go of the input of a command that could not be started. */
export function letGoOfInput({ processInput: input, stdout, stderr }: Command): void {
  if (input instanceof Readable && ![stdout.target, stderr.target].some((target) => (target as unknown) === input)) {
    letGo(input);
  } else if (!isWhole(input) && isWebStream(input) && !input.locked) {
    input.cancel().catch(ignore);
  }
}

// A chunk of text stays text, or the bytes in it that were no UTF-8 would be lost.
function openSource(input: Exclude<ProcessInput, string | Uint8Array>): Readable {
  if (input instanceof Readable) return input;
  if (isWebStream(input)) return Readable.fromWeb(input, { objectMode: true });
  return Readable.from(input);
}

/**
 * The caller that gave the stream has no use for the rest of it, and cannot know how much that is; left open, it would keep
 * its file or connection. An error that it emits when it is closed concerns no caller any more, and would end this process.
 */
function letGo(source: Readable): void {
  if (isOwnStdin(source)) return;
  if (!source.listeners('error').includes(ignore)) source.on('error', ignore);
  source.destroy();
}

function ignore(): void {}

function isOwnStdin(source: Readable): boolean {
  // Not imported: to load this module replaces `process.chdir`.
  const { isMainThread } = process.getBuiltinModule('node:worker_threads');
  // In the main thread it is asked for its descriptor: to ask the process for its stdin opens it.
  return isMainThread ? (source as { fd?: unknown }).fd === 0 : source === process.stdin;
}

// `pipe` would do, but for two things: of text it loses the bytes that were no UTF-8, and a chunk that is neither text
// nor bytes makes it throw where no caller can catch.
function feedStream(stdin: Writable, input: Readable, fail: (error: unknown) => void): () => void {
  const take = (chunk: unknown): void => {
    if (typeof chunk !== 'string' && !(chunk instanceof Uint8Array)) {
      stop();
      fail(new TypeError(`the stream given as processInput must give text or bytes; it gave ${hidden(chunk)}`));
    } else if (!stdin.write(typeof chunk === 'string' ? encodeText(chunk) : chunk)) {
      input.pause();
    }
  };
  const resume = (): void => void input.resume();
  const end = (): void => void stdin.end();
  const closed = (): void => {
    if (!input.readableEnded && input.errored === null) {
      fail(new Error('the stream given as processInput was closed before its end'));
    }
  };
  const stop = (): void => {
    input.off('data', take).off('end', end).off('error', fail).off('close', closed).pause();
    stdin.off('drain', resume).destroy();
  };
  // When no listener of ours is left, an error of the source would end this process.
  if (!isOwnStdin(input)) input.on('error', ignore);
  stdin.on('error', stop).on('drain', resume);
  if (input.errored !== null) fail(input.errored);
  else if (input.readableEnded) stdin.end();
  else input.on('error', fail).on('close', closed).on('end', end).on('data', take).resume();
  return stop;
}
