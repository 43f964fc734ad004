import type { Readable, Writable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import type { LogLevel } from '@oslo-concurrency/core';
import type { ProcessLimitValues } from '../limits/resource-limits.js';
import type { LogErrors } from '../log-policy.js';
import type { Masker } from '../masking/masker.js';
import type { ProcessLimits } from '../process-limits.js';
import type { SecretArgument } from '../secrets.js';
import type { InputSource } from './command-stdin.js';
import type { ExtraDescriptor } from './extra-descriptors.js';
import type { RootHelper } from './root-helper.js';

/**
 * Where stdout or stderr of a command goes.
 *
 * `pipe`: captured. `inherit`: straight to this process's own, as a terminal if that is one; nothing of it comes back.
 * `tee`: both, captured in full and written to this process's own as it comes, through a pipe. `ignore`: nowhere. A stream
 * gets it as fast as it takes it, and is not ended.
 */
export type OutputTarget = 'pipe' | 'inherit' | 'tee' | 'ignore' | Writable;

/**
 * What a command can be given on standard input: text, bytes, a stream of either kind, or anything that can be iterated
 * over, at once or in time, and gives text or bytes.
 */
export type ProcessInput =
  | string
  | Uint8Array
  | Readable
  | ReadableStream
  | Iterable<string | Uint8Array>
  | AsyncIterable<string | Uint8Array>;

/** A command that was started, as `onExecute` and `onCompletion` see it. */
export interface RunningCommand {
  readonly pid: number;
  /** The command line, masked. */
  readonly command: string;
  /** Which attempt this is, from 1. */
  readonly attempt: number;
  /** Signals the process itself, not its descendants, with `killSignal` by default; `false` when it has ended. */
  kill(signal?: NodeJS.Signals | number): boolean;
}

/** Options of `execute`. Times are milliseconds, sizes bytes. Names are oslo's in camelCase; ours are marked so. */
export interface ExecuteOptions {
  /**
   * The directory in which the command runs.
   * @defaultValue the directory of this process
   */
  readonly cwd?: string | undefined;
  /**
   * What the command reads on stdin: text, bytes, a stream or an iterable of these. Without it, `stdin` decides what
   * there is to read.
   *
   * A stream is destroyed when the command has ended, or could not be started, even if the command did not read all
   * of it. An iterator is returned, a web stream is cancelled. Two streams are left open: the stdin of this process,
   * and a stream that is also given for output.
   * @defaultValue none
   */
  readonly processInput?: ProcessInput | undefined;
  /**
   * What the command reads without `processInput`: nothing with `'ignore'`, and what this process would read with
   * `'inherit'`, for programs that talk to their user. At a terminal, the command then receives Ctrl-C, Ctrl-\ and
   * Ctrl-Z as if a shell had started it. This process does not end at the first two while the command runs; the exit
   * code shows how the command reacted. No other code may read stdin meanwhile. Another attempt reads on where the
   * last one stopped.
   * @defaultValue `'ignore'`
   */
  readonly stdin?: InputSource | undefined;
  /**
   * The environment. It replaces that of this process (oslo: `env_variables`), unless `extendEnv` is `true`.
   * @defaultValue the environment of this process
   */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /**
   * Adds `env` to the environment of this process instead of replacing it; `undefined` removes a variable. Not in
   * oslo.
   * @defaultValue `false`
   */
  readonly extendEnv?: boolean | undefined;
  /**
   * Looks for the program in `node_modules/.bin` of the command's directory, and of the directories above it, before
   * `PATH`; the command finds programs there too. Never looks in the directory itself, nor in a folder that another
   * user owns. Not in oslo.
   * @defaultValue `false`
   */
  readonly preferLocal?: boolean | undefined;
  /**
   * Which exit codes are a success: one, several, or `false` for all. `-n` means "ended by signal n".
   * @defaultValue `0`
   */
  readonly checkExitCode?: boolean | number | readonly number[] | undefined;
  /**
   * How many attempts there are in all, while the command fails. A timeout or an abort is not tried again.
   * @defaultValue `1`
   */
  readonly attempts?: number | undefined;
  /**
   * Whether to wait 200 to 2000 ms, at random, between attempts. A function returns the milliseconds; that form is
   * not in oslo.
   * @defaultValue `true`
   */
  readonly delayOnRetry?: boolean | (() => number) | undefined;
  /**
   * Whether the command needs root. If this process is not root, `rootHelper` is put in front of the command.
   * @defaultValue `false`
   */
  readonly runAsRoot?: boolean | undefined;
  /**
   * The command that gives root, such as `sudo -n`; split as a shell would. With `shell`, it precedes the text.
   * @defaultValue none
   */
  readonly rootHelper?: string | undefined;
  /**
   * Has `/bin/sh`, or the shell at this path, run `file` as its script; `args` are its `$0`, `$1`, …, as in oslo. On
   * Windows, `true` is the shell that `ComSpec` names; `cmd.exe` takes no `args`.
   * @defaultValue `false`
   */
  readonly shell?: boolean | string | undefined;
  /**
   * The level of what is logged about the command.
   * @defaultValue `debug`
   */
  readonly logLevel?: LogLevel | undefined;
  /**
   * Which failed attempts are logged with their output.
   * @defaultValue none
   */
  readonly logErrors?: LogErrors | undefined;
  /**
   * Gives stdout and stderr as bytes instead of text.
   * @defaultValue `false`
   */
  readonly binary?: boolean | undefined;
  /**
   * Called when the process has been started. If it throws, or its promise rejects, the command is ended, and
   * `execute` rejects with that error. `execute` waits for the promises of its callbacks, until a timeout or an
   * abort; the command does not.
   * @defaultValue none
   */
  readonly onExecute?: ((running: RunningCommand) => unknown) | undefined;
  /**
   * Called when the process has ended, however it ended, once for each `onExecute`. An error that it throws counts as
   * there.
   * @defaultValue none
   */
  readonly onCompletion?: ((ended: RunningCommand) => unknown) | undefined;
  /**
   * Resource limits of the command and its descendants: a `ProcessLimits`, or its values.
   * @defaultValue none
   */
  readonly prlimit?: ProcessLimitValues | undefined;
  /**
   * How long one attempt may take, in milliseconds. Then the command and its descendants are ended.
   * @defaultValue none
   */
  readonly timeout?: number | undefined;
  /**
   * The signal that asks the command and its descendants to end. `'SIGINT'` is for a program that saves its work at
   * Ctrl-C. `'SIGKILL'` asks no process: it ends them at once, without `killGrace`. Not in oslo.
   * Windows has no signals: there they are ended at once, whatever is given.
   * @defaultValue `SIGTERM`
   */
  readonly killSignal?: NodeJS.Signals | undefined;
  /**
   * The time between `killSignal` and SIGKILL, in milliseconds. Not in oslo.
   * @defaultValue `5000`
   */
  readonly killGrace?: number | undefined;
  /**
   * Ends the command and its descendants when aborted. Not in oslo.
   * @defaultValue none
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Ends the command and its descendants within a second after this process ends, even by SIGKILL. Not in oslo.
   * @defaultValue `false`
   */
  readonly killOnParentExit?: boolean | undefined;
  /**
   * A command that runs the command, such as `['nice', '-n', '10']`; it replaces oslo's `preexec_fn`.
   * @defaultValue none
   */
  readonly wrapper?: readonly string[] | undefined;
  /**
   * The user id to run as; needs root. Not in oslo.
   * @defaultValue the user of this process
   */
  readonly uid?: number | undefined;
  /**
   * The group id to run as; needs root. Not in oslo.
   * @defaultValue the group of this process
   */
  readonly gid?: number | undefined;
  /**
   * Where stdout goes; with `'pipe'` it is captured. What goes to a stream is kept up to `maxBuffer` too. Not in
   * oslo.
   * @defaultValue `'pipe'`
   */
  readonly stdout?: OutputTarget | undefined;
  /**
   * Where stderr goes; with `'pipe'` it is captured. What goes to a stream is kept up to `maxBuffer` too. Not in
   * oslo.
   * @defaultValue `'pipe'`
   */
  readonly stderr?: OutputTarget | undefined;
  /**
   * Called with each whole line of stdout, without its end. If it throws or rejects, the command is ended. Not in
   * oslo.
   * @defaultValue none
   */
  readonly onStdoutLine?: ((line: string) => unknown) | undefined;
  /**
   * Called with each whole line of stderr, without its end. If it throws or rejects, the command is ended. Not in
   * oslo.
   * @defaultValue none
   */
  readonly onStderrLine?: ((line: string) => unknown) | undefined;
  /**
   * How many bytes a line for `onStdoutLine` or `onStderrLine` may have. A longer one ends the command, and `execute`
   * rejects with a `LineTooLongError`. Not in oslo.
   * @defaultValue the longest string, 512 MiB
   */
  readonly maxLineLength?: number | undefined;
  /**
   * Gives stdout and stderr also in one text, `all`: whole lines, in the order in which they were completed, as far
   * as two pipes can show it. Both must be captured. If `maxBuffer` left something out, `all` is stdout followed by
   * stderr; in an error, also if a secret has several lines. Not in oslo.
   * @defaultValue `false`
   */
  readonly all?: boolean | undefined;
  /**
   * What the command finds at its descriptors 3, 4, …: `[{ input: passphrase }, 'pipe', file.fd]`. What it writes to
   * those that are `'pipe'` comes back as `extraOutput`, up to `maxBuffer` bytes of each. A root helper may close
   * them. Not in oslo.
   * @defaultValue `[]`
   */
  readonly extraDescriptors?: readonly ExtraDescriptor[] | undefined;
  /**
   * How many bytes of stdout, and of stderr, are kept: the first and the last half. Not in oslo.
   * @defaultValue none, but 1 MiB for a stream or a line callback
   */
  readonly maxBuffer?: number | undefined;
  /**
   * How long to wait for the end of the output after the command has ended, if other processes hold it open, in
   * milliseconds. Not in oslo.
   * @defaultValue `500`
   */
  readonly drainTimeout?: number | undefined;
  /**
   * Texts that must never be shown; for parts of arguments, input or output that are secret. Not in oslo.
   * @defaultValue `[]`
   */
  readonly secrets?: readonly string[] | undefined;
}

/** An argument of a command; numbers are written in decimal. */
export type CommandArgument = string | number | SecretArgument;

/** A checked command: what to run and what to make of it. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  /** The command line as it may be shown. */
  readonly shown: string;
  readonly mask: Masker;
  readonly cwd: string | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly processInput: ProcessInput | undefined;
  readonly stdin: InputSource;
  readonly accepts: (exitCode: number) => boolean;
  readonly attempts: number;
  readonly retryDelay: () => number;
  readonly rootHelper: RootHelper | undefined;
  /** The path of the shell, when one is to run it. */
  readonly shell: string | undefined;
  readonly logLevel: LogLevel;
  readonly logErrors: LogErrors;
  readonly binary: boolean;
  readonly onExecute: ((running: RunningCommand) => unknown) | undefined;
  readonly onCompletion: ((ended: RunningCommand) => unknown) | undefined;
  readonly limits: ProcessLimits | undefined;
  readonly timeout: number;
  readonly killSignal: NodeJS.Signals;
  readonly killGrace: number;
  readonly signal: AbortSignal | undefined;
  readonly killOnParentExit: boolean;
  readonly wrapper: readonly string[];
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly stdout: OutputPlan;
  readonly stderr: OutputPlan;
  readonly all: boolean;
  readonly extraDescriptors: readonly ExtraDescriptor[];
  /** How many bytes to keep of what is written to each of those. */
  readonly extraLimit: number;
  readonly lineLimit: number;
  readonly drainTimeout: number;
}

/** What is to be done with stdout or stderr. */
export interface OutputPlan {
  readonly target: OutputTarget;
  readonly onLine: ((line: string) => unknown) | undefined;
  /** How many bytes of it to keep. */
  readonly limit: number;
}
