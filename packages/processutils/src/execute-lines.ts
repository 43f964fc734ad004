import { isConcurrencyError } from '@oslo-concurrency/core';
import { executeOptionNames } from './command/check-command.js';
import type { CommandArgument, ExecuteOptions } from './command/command.js';
import { checkOptions, hidden } from './command/masked-misuse.js';
import { checkNames, checkSignal } from './command/option-values.js';
import { InvalidArgumentError } from './errors/argument-errors.js';
import type { ProcessAbortedError } from './errors/ended-command-errors.js';
import { type ExecuteResult, execute } from './execute.js';
import { LineQueue } from './output/line-queue.js';
import { followAbort } from './system/shared-listener.js';

type NotOfLines = 'binary' | 'attempts' | 'delayOnRetry' | 'onStdoutLine' | 'onStderrLine';

/** Options of {@link executeLines}: those of `execute`, for text and one attempt, and one more. */
export interface ExecuteLinesOptions extends Omit<ExecuteOptions, NotOfLines> {
  /**
   * Whose lines: those of stdout, of stderr, or with `'all'` of both, in the order in which they were completed.
   * @defaultValue `'stdout'`
   */
  readonly from?: 'stdout' | 'stderr' | 'all' | undefined;
}

const notOfLines: { readonly [name in NotOfLines]: string } = {
  binary: 'left out: lines are text',
  attempts: 'left out: the lines of an attempt that failed could not be taken back',
  delayOnRetry: 'left out: there is one attempt',
  onStdoutLine: 'left out: the loop gets the lines',
  onStderrLine: 'left out: the loop gets the lines',
};

const names = [...executeOptionNames.filter((name) => !Object.hasOwn(notOfLines, name)), 'from'];

/**
 * Runs a program and yields the lines that it writes, without their ends, while it runs: `for await (const line of ...)`.
 *
 * The program starts when you ask for the first line. It waits while your loop is busy; at most the contents of a pipe are
 * buffered. The loop ends when the command has succeeded. If the command fails, the loop throws the error of `execute` after
 * the last line. After a timeout or an abort, it throws at once, and the remaining lines are lost. `timeout` includes the time
 * that your loop takes.
 *
 * If you leave the loop early (`break`, `return`, a throw), the command is ended with all its descendants, and your code goes on
 * when they are gone. The exit code does not matter then. But if a process could not be ended, the loop throws a
 * `ProcessAbortedError` whose `remaining` names it.
 *
 * The generator returns the result of the command. Its stdout and stderr are kept up to `maxBuffer`, for the stream that is
 * read as lines 1 MiB by default. If you neither read the generator to its end nor call `return()`, its command keeps waiting.
 *
 * @param file - The program: a name that is looked up in `PATH`, or a path. With `shell`, the script.
 * @param args - The arguments of the program. Wrap a secret one in `secret()`.
 * @throws what `execute` throws, at the first line or after the last.
 * @example
 * for await (const line of executeLines('journalctl', ['-f'])) if (line.includes('error')) break;
 */
export async function* executeLines(
  file: string,
  args: readonly CommandArgument[] = [],
  options: ExecuteLinesOptions = {},
): AsyncGenerator<string, ExecuteResult, void> {
  const { from, ...rest } = checkOptions(options, names, () => checkLinesOptions(options));
  const queue = new LineQueue();
  const leaving = new AbortController();
  const unfollow = followAbort(checkSignal(rest.signal), leaving);
  const run = execute(file, args, { ...rest, signal: leaving.signal, ...consumers(from, queue) });
  let cutShort = false;
  run.then(queue.end, (error: unknown) => {
    cutShort = !isConcurrencyError(error, 'ERR_PROCESS_EXECUTION');
    queue.end();
  });
  let readToEnd = false;
  try {
    for (let lines = await queue.take(); lines !== undefined && !cutShort; lines = await queue.take()) {
      for (const line of lines) {
        yield line;
        if (cutShort) break;
      }
    }
    readToEnd = true;
    return await run;
  } finally {
    unfollow();
    if (!readToEnd) {
      leaving.abort(new Error('the loop over the lines of the command was left'));
      await run.catch(throwIfSomethingIsLeft);
    }
  }
}

function checkLinesOptions(options: ExecuteLinesOptions) {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidArgumentError('options', 'an object', hidden(options));
  }
  const { from = 'stdout', ...rest } = options;
  if (!['stdout', 'stderr', 'all'].includes(from)) {
    throw new InvalidArgumentError('from', "'stdout', 'stderr' or 'all'", from);
  }
  for (const [name, expected] of Object.entries(notOfLines)) {
    if (name in rest) throw new InvalidArgumentError(name, expected, hidden((rest as Record<string, unknown>)[name]));
  }
  checkNames(options, names);
  for (const name of ['stdout', 'stderr'] as const) {
    if ((from === 'all' || from === name) && rest[name] !== undefined) {
      throw new InvalidArgumentError(name, `left out: the lines of ${name} go to the loop`, hidden(rest[name]));
    }
  }
  return { from, ...rest };
}

function consumers(from: 'stdout' | 'stderr' | 'all', queue: LineQueue): Omit<ExecuteOptions, 'binary'> {
  return {
    ...(from === 'stderr' ? {} : { stdout: queue.gate(), onStdoutLine: queue.add }),
    ...(from === 'stdout' ? {} : { stderr: queue.gate(), onStderrLine: queue.add }),
  };
}

function throwIfSomethingIsLeft(error: unknown): void {
  if (isConcurrencyError(error, 'ERR_PROCESS_EXECUTION')) return;
  const ended = isConcurrencyError(error, 'ERR_PROCESS_ABORTED') || isConcurrencyError(error, 'ERR_PROCESS_TIMEOUT');
  if (!ended || (error as unknown as ProcessAbortedError).remaining.length > 0) throw error;
}
