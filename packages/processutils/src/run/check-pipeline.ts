import { checkCommand } from '../command/check-command.js';
import type { Command, CommandArgument, ExecuteOptions } from '../command/command.js';
import { hidden } from '../command/masked-misuse.js';
import { checkNames, checkSignal, checkStrings } from '../command/option-values.js';
import { InvalidArgumentError } from '../errors/argument-errors.js';
import type { CommandPipe } from '../output/command-pipe.js';
import { isSecretArgument, revealed } from '../secrets.js';

const common = {
  cwd: true,
  env: true,
  extendEnv: true,
  preferLocal: true,
  binary: true,
  timeout: true,
  killSignal: true,
  killGrace: true,
  signal: true,
  killOnParentExit: true,
  logLevel: true,
  secrets: true,
} as const satisfies { readonly [name in keyof ExecuteOptions]?: true };

/** Options of all commands of a pipeline; those of a command go before them, but for `secrets`, which hold for all. */
export interface PipelineOptions extends Pick<ExecuteOptions, keyof typeof common> {}

/** Options of one command of a pipeline: those of `execute` that can differ between its commands. */
export interface PipelineCommandOptions
  extends Omit<ExecuteOptions, 'attempts' | 'delayOnRetry' | 'signal' | 'binary'> {}

/** A command of a pipeline: `[file, args?, options?]`. `processInput` and `stdin` are for the first, `stdout` for the last. */
export type PipelineCommand = readonly [
  file: string,
  args?: readonly CommandArgument[] | undefined,
  options?: PipelineCommandOptions | undefined,
];

const ofAll = 'left out here: it is an option of the whole pipeline';
const once = 'left out: a pipeline runs once';
const piped = 'left out: the command before gives the input';

/** Turns what the user gave into commands joined by `pipes`, or throws before anything is started. */
export function checkPipeline(
  commands: unknown,
  options: PipelineOptions,
  pipes: readonly CommandPipe[],
  signal: AbortSignal,
): Command[] {
  if (!Array.isArray(commands) || commands.length === 0 || !Array.from(commands).every(isCommand)) {
    throw new InvalidArgumentError('commands', 'an array of [file, args, options]', hidden(commands));
  }
  if (typeof options !== 'object' || options === null) {
    throw new InvalidArgumentError('options', 'an object', hidden(options));
  }
  const given = commands as readonly PipelineCommand[];
  const secrets = given.flatMap(([, args, own]) => [...secretsIn(args), ...checkStrings('secrets', own?.secrets)]);
  secrets.push(...checkStrings('secrets', options.secrets));
  checkNames(options, Object.keys(common));
  checkSignal(options.signal);
  return given.map(([file, args, own], stage) => {
    const input = pipes[stage - 1];
    const output = pipes[stage];
    try {
      refuseOptions(own ?? {}, input !== undefined, output !== undefined);
      const joined = {
        ...(input === undefined ? {} : { processInput: input }),
        ...(output === undefined ? {} : { stdout: output }),
      };
      return checkCommand(file, args ?? [], { ...options, ...own, ...joined, secrets, signal });
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error;
      throw new InvalidArgumentError(`commands[${stage}].${error.option}`, error.expected, error.received);
    }
  });
}

function isCommand(value: unknown): boolean {
  if (!Array.isArray(value) || value.length > 3) return false;
  const [, , options] = value as unknown[];
  return options === undefined || (typeof options === 'object' && options !== null && !Array.isArray(options));
}

function secretsIn(args: unknown): string[] {
  return Array.isArray(args) ? args.filter(isSecretArgument).map(revealed) : [];
}

function refuseOptions(own: object, hasInput: boolean, hasOutput: boolean): void {
  const refused: Readonly<Record<string, string>> = {
    attempts: once,
    delayOnRetry: once,
    signal: ofAll,
    binary: ofAll,
    ...(hasInput ? { processInput: piped, stdin: piped } : {}),
    ...(hasOutput ? { stdout: 'left out: it goes to the next command' } : {}),
  };
  for (const [name, expected] of Object.entries(refused)) {
    const value = (own as Record<string, unknown>)[name];
    if (value !== undefined) throw new InvalidArgumentError(name, expected, hidden(value));
  }
}
