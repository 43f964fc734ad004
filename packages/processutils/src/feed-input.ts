import { Readable, type Writable } from 'node:stream';
import type { ProcessInput } from './command.js';
import { encodeText } from './text-decoding.js';

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
  const stop = (): void => {
    if (input instanceof Readable) {
      input.unpipe(stdin);
      input.off('error', fail).off('close', closed);
    }
    stdin.destroy();
  };
  const closed = (): void => {
    if (input instanceof Readable && !input.readableEnded && input.errored === null) {
      fail(new Error('the stream given as processInput was closed before its end'));
    }
  };
  stdin.on('error', stop);
  if (typeof input === 'string') stdin.end(encodeText(input));
  else if (input instanceof Uint8Array) stdin.end(input);
  else {
    if (input.errored !== null) fail(input.errored);
    else if (input.readableEnded) stdin.end();
    input.on('error', fail).on('close', closed);
    input.pipe(stdin);
  }
  return stop;
}
