import { constants } from 'node:os';
import { ConcurrencyError } from '@oslo-concurrency/core';
import type { Command } from './command/command.js';
import type { Output } from './errors/execution-error.js';
import { type ExecuteResult, runChecked } from './execute.js';
import { CommandPipe } from './output/command-pipe.js';
import { checkPipeline, type PipelineCommand, type PipelineOptions } from './run/check-pipeline.js';
import { followAbort } from './system/shared-listener.js';

/** What {@link executePipeline} resolves to. */
export interface PipelineResult<Written extends Output = string> {
  /** What the last command wrote to stdout. */
  readonly stdout: Written;
  /** The result of each command. Where stdout went to the next command, `stdout` has its first and last half of `maxBuffer`. */
  readonly stages: readonly ExecuteResult<Written>[];
}

/** How one command of a pipeline ended that failed as a whole. */
export interface StageOutcome {
  /** The command line, masked. */
  readonly command: string;
  /** Its exit code, when it ended by itself. */
  readonly exitCode: number | undefined;
  /** Why it failed, or that it was ended since another one had; `undefined` when it has succeeded. */
  readonly error: unknown;
}

/**
 * A command of a pipeline failed, reached its timeout or was aborted, so the others were ended, with all their descendants.
 *
 * `cause` is the error of the command that failed first: a `ProcessExecutionError`, `ProcessTimeoutError` or
 * `ProcessAbortedError`. All text in it is masked, with the secrets of every command of the pipeline.
 */
export class PipelineError extends ConcurrencyError {
  override readonly name: string = 'PipelineError';
  readonly code = 'ERR_PIPELINE';
  /** Which command failed first, from 0. */
  readonly failed: number;
  /** How each command ended. */
  readonly stages: readonly StageOutcome[];

  constructor(failed: number, stages: readonly StageOutcome[], cause: unknown) {
    const message = cause instanceof Error ? cause.message : String(cause);
    super(`Command ${failed + 1} of ${stages.length} in a pipeline failed, and the others were ended: ${message}`, {
      cause,
    });
    this.failed = failed;
    this.stages = stages;
  }
}

/**
 * Runs commands at the same time, each of which reads what the previous one writes to stdout. Resolves when all have
 * succeeded.
 *
 * If one fails, the others are ended with all their descendants, and the call rejects when they are gone. A command sees the
 * end of its input only after the previous one has succeeded, so none mistakes half an input for the whole. A command may end
 * before it has read all its input, as in `yes | head`. Then the output of the previous one is closed. Its exit code is not
 * judged, but `stages` contains it; a death by a signal other than SIGPIPE is still a failure. The output passes through this
 * process, no faster than it is read.
 *
 * @param commands - The commands, each as `[file, args, options]`.
 * @throws InvalidArgumentError, UnknownArgumentError, NoRootWrapSpecifiedError before anything is started.
 * @throws PipelineError if a command failed, reached its timeout or was aborted.
 * @example
 * const { stdout } = await executePipeline([['git', ['log', '--format=%an']], ['sort'], ['uniq', ['-c']]]);
 */
export function executePipeline(
  commands: readonly PipelineCommand[],
  options: PipelineOptions & { readonly binary: true },
): Promise<PipelineResult<Buffer>>;
export function executePipeline(
  commands: readonly PipelineCommand[],
  options?: PipelineOptions & { readonly binary?: false | undefined },
): Promise<PipelineResult>;
export async function executePipeline(
  commands: readonly PipelineCommand[],
  options: PipelineOptions = {},
): Promise<PipelineResult<Output>> {
  const ending = new AbortController();
  const pipes = Array.from({ length: Math.max(0, commands?.length - 1) || 0 }, () => new CommandPipe());
  const checked = checkPipeline(commands, options, pipes, ending.signal);
  const unfollow = followAbort(options.signal, ending);
  let first: { readonly stage: number; readonly error: unknown } | undefined;
  const runs = checked.map(async (command, stage) => {
    const pipe = pipes[stage];
    try {
      const result = await runChecked({ ...command, accepts: acceptsCut(command, pipe) });
      pipe?.end();
      return result;
    } catch (error) {
      // The pipe stays open: the next command must not take what came for all there is.
      first ??= { stage, error };
      ending.abort(error);
      throw error;
    }
  });
  const settled = await Promise.allSettled(runs);
  unfollow();
  if (first !== undefined) {
    throw new PipelineError(
      first.stage,
      settled.map((end, stage) => outcomeOf(end, checked[stage])),
      first.error,
    );
  }
  const stages = settled.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
  return { stdout: stages.at(-1)?.stdout ?? '', stages };
}

function acceptsCut({ accepts }: Command, pipe: CommandPipe | undefined): Command['accepts'] {
  const mayBeCut = (exitCode: number): boolean => exitCode >= 0 || exitCode === -constants.signals.SIGPIPE;
  return (exitCode) => accepts(exitCode) || (mayBeCut(exitCode) && pipe?.isCut === true);
}

function outcomeOf(end: PromiseSettledResult<ExecuteResult<Output>>, command: Command | undefined): StageOutcome {
  const shown = command?.shown ?? '';
  if (end.status === 'fulfilled') return { command: shown, exitCode: end.value.exitCode, error: undefined };
  const { exitCode } = (end.reason ?? {}) as { exitCode?: number | undefined };
  return { command: shown, exitCode, error: end.reason };
}
