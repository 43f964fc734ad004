import type { Readable, Writable } from 'node:stream';
import type { LogLevel } from '@oslo-concurrency/core';
import type { Masker, SecretArgument } from './secrets.js';

/** Where stdout or stderr of a command goes: captured, to this process's own, or to a stream (which is not ended). */
export type OutputTarget = 'pipe' | 'inherit' | Writable;

/** What a command can be given on standard input. */
export type ProcessInput = string | Uint8Array | Readable;

/** Options of `execute`. Times are milliseconds, sizes bytes. oslo's names in camelCase; ours are marked so. */
export interface ExecuteOptions {
  /** The directory the command runs in; this process's by default. */
  readonly cwd?: string;
  /** What the command reads on stdin: text, bytes or a stream. Without it, stdin is empty. */
  readonly processInput?: ProcessInput;
  /** The environment, replacing this process's own (oslo: `env_variables`). See `extendEnv`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Ours: adds `env` to this process's environment instead of replacing it; `undefined` removes a variable. */
  readonly extendEnv?: boolean;
  /** Which exit codes are a success: one, some, or `false` for all; 0 by default. `-n` is "ended by signal n". */
  readonly checkExitCode?: boolean | number | readonly number[];
  /** Gives stdout and stderr as bytes instead of text. */
  readonly binary?: boolean;
  /** The level of what is logged about the command; `debug` by default. */
  readonly logLevel?: LogLevel;
  /** Ours: texts that must never be shown; for parts of arguments, input or output that are secret. */
  readonly secrets?: readonly string[];
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
  readonly accepts: (exitCode: number) => boolean;
  readonly binary: boolean;
  readonly logLevel: LogLevel;
}
