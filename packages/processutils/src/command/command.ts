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
  /** The directory the command runs in; this process's by default. */
  readonly cwd?: string | undefined;
  /**
   * What the command reads on stdin: text, bytes, a stream or an iterable of these. Without it, `stdin` says what there is to read.
   *
   * A stream is destroyed when the command has ended, or could not be started, though the command did not read all of it;
   * an iterator is returned, a web stream cancelled. Not so this process's own stdin, nor a stream given for output too.
   */
  readonly processInput?: ProcessInput | undefined;
  /**
   * Ours: what the command reads without `processInput`: nothing with `'ignore'`, the default, and what this process would
   * read with `'inherit'`, for programs that talk to their user. At a terminal it then gets Ctrl-C, Ctrl-\ and Ctrl-Z as
   * if a shell had started it; this process does not end at the first two while the command runs, and learns from its exit
   * code what it made of them. No other code may read stdin meanwhile. Another attempt reads on where the last one stopped.
   */
  readonly stdin?: InputSource | undefined;
  /** The environment, replacing this process's own (oslo: `env_variables`). See `extendEnv`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Ours: adds `env` to this process's environment instead of replacing it; `undefined` removes a variable. */
  readonly extendEnv?: boolean | undefined;
  /**
   * Ours: looks for the program in `node_modules/.bin` of the command's directory, and of those above it, before `PATH`; the
   * command finds them there too. Never in the directory itself, and not in a folder that a stranger owns.
   */
  readonly preferLocal?: boolean | undefined;
  /** Which exit codes are a success: one, some, or `false` for all; 0 by default. `-n` is "ended by signal n". */
  readonly checkExitCode?: boolean | number | readonly number[] | undefined;
  /** How often to try in all, while it fails; 1 by default. A timeout or an abort is not tried again. */
  readonly attempts?: number | undefined;
  /** Whether to wait 200 to 2000 ms, at random, between attempts; `true` by default. Ours: a function giving the ms. */
  readonly delayOnRetry?: boolean | (() => number) | undefined;
  /** Whether the command needs root; when this process is not root, `rootHelper` goes in front of it. */
  readonly runAsRoot?: boolean | undefined;
  /** The command that gives root, `sudo -n` for example; split as a shell would. In a `shell` it precedes the text. */
  readonly rootHelper?: string | undefined;
  /**
   * Has `/bin/sh`, or the shell of this path, run `file` as its script; `args` are its `$0`, `$1`, …, as in oslo. On Windows
   * `true` is the shell that `ComSpec` names; `cmd.exe` takes no `args`.
   */
  readonly shell?: boolean | string | undefined;
  /** The level of what is logged about the command; `debug` by default. */
  readonly logLevel?: LogLevel | undefined;
  /** Which failed attempts are logged with their output; none by default. */
  readonly logErrors?: LogErrors | undefined;
  /** Gives stdout and stderr as bytes instead of text. */
  readonly binary?: boolean | undefined;
  /**
   * Called when the process has been started. A throw ends the command and is what `execute` rejects with; so does a
   * promise that rejects. `execute` waits for the promises of its callbacks, until a timeout or an abort; the command does not.
   */
  readonly onExecute?: ((running: RunningCommand) => unknown) | undefined;
  /** Called when the process has ended, however it ended, once for each `onExecute`. A throw or a rejection counts as there. */
  readonly onCompletion?: ((ended: RunningCommand) => unknown) | undefined;
  /** Resource limits of the command and its descendants: a `ProcessLimits`, or its values. */
  readonly prlimit?: ProcessLimitValues | undefined;
  /** How long one attempt may take; then the command and its descendants are ended. No limit by default. */
  readonly timeout?: number | undefined;
  /**
   * Ours: the signal that asks the command and its descendants to end; SIGTERM by default. `'SIGINT'` for a program that
   * saves its work at Ctrl-C. `'SIGKILL'` asks no process: it ends them at once, without `killGrace`.
   * Windows has no signals: there they are ended at once, whatever is given.
   */
  readonly killSignal?: NodeJS.Signals | undefined;
  /** Ours: how long what is asked to end by `killSignal` has until SIGKILL; 5000 by default. */
  readonly killGrace?: number | undefined;
  /** Ours: ends the command and its descendants when aborted. */
  readonly signal?: AbortSignal | undefined;
  /** Ours: ends the command and its descendants when this process ends, even by SIGKILL, within a second. */
  readonly killOnParentExit?: boolean | undefined;
  /** Ours: a command that runs the command, in place of oslo's `preexec_fn`: `['nice', '-n', '10']`. */
  readonly wrapper?: readonly string[] | undefined;
  /** Ours: the user id to run as; needs root. */
  readonly uid?: number | undefined;
  /** Ours: the group id to run as; needs root. */
  readonly gid?: number | undefined;
  /** Ours: where stdout goes; `'pipe'`, captured, by default. What goes to a stream is kept up to `maxBuffer` too. */
  readonly stdout?: OutputTarget | undefined;
  /** Ours: where stderr goes; `'pipe'`, captured, by default. */
  readonly stderr?: OutputTarget | undefined;
  /** Ours: called with each whole line of stdout, without its end. A throw, or a rejection, ends the command. */
  readonly onStdoutLine?: ((line: string) => unknown) | undefined;
  /** Ours: called with each whole line of stderr, without its end. A throw, or a rejection, ends the command. */
  readonly onStderrLine?: ((line: string) => unknown) | undefined;
  /**
   * Ours: how many bytes a line may have that goes to `onStdoutLine` or `onStderrLine`. A longer one ends the command, and
   * `execute` rejects with a `LineTooLongError`. No limit by default but that of a string, 512 MiB.
   */
  readonly maxLineLength?: number | undefined;
  /**
   * Ours: gives stdout and stderr also in one text, `all`: whole lines, in the order in which they were completed, as
   * far as two pipes can tell it. Needs both to be read here. Where `maxBuffer` left something out, and in an error also
   * where a secret has several lines, `all` is stdout and then stderr.
   */
  readonly all?: boolean | undefined;
  /**
   * Ours: what the command has at its descriptors 3, 4, …: `[{ input: passphrase }, 'pipe', file.fd]`. What it writes to
   * those that are `'pipe'` comes back as `extraOutput`, up to `maxBuffer` bytes of each. A root helper may close them.
   */
  readonly extraDescriptors?: readonly ExtraDescriptor[] | undefined;
  /**
   * Ours: how many bytes of stdout, and of stderr, are kept: the first and the last half. No limit by default, except
   * for output that goes to a stream or a line callback: 1 MiB.
   */
  readonly maxBuffer?: number | undefined;
  /** Ours: how long to wait for the end of the output after the command ended, when others hold it open; 500. */
  readonly drainTimeout?: number | undefined;
  /** Ours: texts that must never be shown; for parts of arguments, input or output that are secret. */
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
