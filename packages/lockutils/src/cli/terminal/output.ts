import { readFileSync } from 'node:fs';
import { type Holder, printable } from '../../owner/holder.js';

/**
 * Prints to standard output; call {@link ignoreClosedOutput} first. A reader that stops reading, such as `head`, is not
 * a failure. A full disk rejects.
 */
export function print(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (error === null || error === undefined || (error as NodeJS.ErrnoException).code === 'EPIPE') resolve();
      else reject(new Error(`cannot write to standard output: ${error.message}`, { cause: error }));
    });
  });
}

/**
 * Keeps failed output from ending this process. The default for a stream that fails is to throw from the event loop.
 * Then a wait would end with the status of a lock that was not free, and a temporary directory would stay. But waiting
 * for a lock, or for a command that holds one, is more important than the output.
 */
export function ignoreClosedOutput(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
}

/** Reports a problem on standard error, in one line without a stack trace. */
export function complain(problem: string): void {
  process.stderr.write(`lockutils: ${printable(problem)}\n`);
}

/** The version of this package, for `--version`. */
export function packageVersion(): string {
  const manifest = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

/**
 * `pid 4242 (node deploy.js) on web1`. For several holders: the first one, and the number of the others. If the holder
 * has a label, it replaces the command.
 */
export function describeHolder(holders: readonly Holder[]): string {
  const [first, ...more] = holders;
  if (first === undefined) return 'unknown';
  const what = first.label ?? first.command;
  return [
    `pid ${first.pid ?? 'unknown'}`,
    ...(what === undefined ? [] : [`(${what})`]),
    ...(first.host === undefined ? [] : [`on ${first.host}`]),
    ...(more.length === 0 ? [] : [`and ${more.length} more`]),
  ].join(' ');
}
