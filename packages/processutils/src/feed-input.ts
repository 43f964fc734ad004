import { Readable, type Writable } from 'node:stream';
import type { ProcessInput } from './command.js';
import { InvalidArgumentError } from './errors.js';
import { hidden } from './hidden-value.js';
import { encodeText } from './text-decoding.js';

/** The input from the option `processInput`. */
export function checkInput(input: unknown, attempts: number): ProcessInput | undefined {
  if (input instanceof Readable) {
    if (attempts > 1) {
      throw new InvalidArgumentError('processInput', 'text or bytes when there may be several attempts', hidden(input));
    }
    // Nothing more would come of it, its end neither: the command would wait for ever.
    if (input.destroyed && !input.readableEnded && input.errored === null) {
      throw new InvalidArgumentError('processInput', 'a stream that can still be read', hidden(input));
    }
    return input;
  }
  if (input === undefined || typeof input === 'string' || input instanceof Uint8Array) return input;
  throw new InvalidArgumentError('processInput', 'a string, bytes or a readable stream', hidden(input));
}

/**
 * Writes the input of a command and closes it. Returns how to stop, which leaves a stream given as input open.
 *
 * A command need not read its input to the end, so that the pipe is closed early is no failure, as in oslo; that the
 * input itself breaks off is one.
 */
export function feedInput(
  stdin: Writable | null,
  input: ProcessInput | undefined,
  fail: (error: unknown) => void,
): () => void {
  if (input === undefined || stdin === null) return () => {};
  if (input instanceof Readable) return feedStream(stdin, input, fail);
  stdin.on('error', () => stdin.destroy());
  stdin.end(typeof input === 'string' ? encodeText(input) : input);
  return () => stdin.destroy();
}

// `pipe` would do, but for two things: of text it loses the bytes that were no UTF-8, and a chunk that is neither text
// nor bytes makes it throw where nobody catches.
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
  stdin.on('error', stop).on('drain', resume);
  if (input.errored !== null) fail(input.errored);
  else if (input.readableEnded) stdin.end();
  else input.on('error', fail).on('close', closed).on('end', end).on('data', take).resume();
  return stop;
}
