import { ConcurrencyError } from '@oslo-concurrency/core';
import type { LimitName } from '../limits/resource-limits.js';
import { shortRepr } from '../masking/python-repr.js';

/** What a command wrote: text, or bytes when `binary` was asked for. */
export type Output = string | Uint8Array;

/** The facts of a {@link ProcessExecutionError}, all optional as in oslo. */
export interface ProcessExecutionErrorFacts {
  readonly stdout?: string | undefined;
  readonly stderr?: string | undefined;
  readonly all?: string | undefined;
  readonly extraOutput?: readonly (string | undefined)[] | undefined;
  readonly exitCode?: number | undefined;
  readonly cmd?: string | undefined;
  readonly description?: string | undefined;
  readonly signal?: string | undefined;
  readonly attempts?: number | undefined;
  readonly durationMs?: number | undefined;
  readonly limit?: LimitName | undefined;
}

const unexpected = 'Unexpected error while running command.';

/**
 * A command could not be started, or ended with an exit code that was not asked for.
 *
 * The message has oslo's five lines: description, command, exit code, stdout and stderr as Python would quote them.
 * `exitCode` is `-n` for a command that signal number n ended. All text in it is masked, `cause` included.
 * `toJSON` and {@link ProcessExecutionError.fromJSON} carry every field between processes; `structuredClone` of the
 * error itself keeps the message only, as with every class of error.
 */
export class ProcessExecutionError extends ConcurrencyError {
  override readonly name: string = 'ProcessExecutionError';
  readonly code = 'ERR_PROCESS_EXECUTION';
  /** What the command wrote to stdout, masked. */
  readonly stdout: string | undefined;
  /** What the command wrote to stderr, masked. */
  readonly stderr: string | undefined;
  /** Both in one, masked, with the option `all`; see there. */
  readonly all: string | undefined;
  /** What the command wrote to its `extraDescriptors`, masked; `undefined` when it has none. */
  readonly extraOutput: readonly (string | undefined)[] | undefined;
  /** The exit code; `-n` when signal n ended the command; `undefined` when it never started. */
  readonly exitCode: number | undefined;
  /** The command line, masked. */
  readonly cmd: string | undefined;
  /** What went wrong, when it was not just the exit code. */
  readonly description: string | undefined;
  /** The name of the signal that ended the command. */
  readonly signal: string | undefined;
  /** How many attempts were made. */
  readonly attempts: number | undefined;
  /** How long the last attempt took, in ms. */
  readonly durationMs: number | undefined;
  /** The limit of `prlimit` that it has probably hit. */
  readonly limit: LimitName | undefined;

  constructor(facts: ProcessExecutionErrorFacts = {}, options?: ErrorOptions) {
    super(messageOf(facts), options);
    this.stdout = facts.stdout;
    this.stderr = facts.stderr;
    this.all = facts.all;
    this.extraOutput = facts.extraOutput;
    this.exitCode = facts.exitCode;
    this.cmd = facts.cmd;
    this.description = facts.description;
    this.signal = facts.signal;
    this.attempts = facts.attempts;
    this.durationMs = facts.durationMs;
    this.limit = facts.limit;
  }

  /** The facts as plain data; `JSON.stringify` calls this. */
  toJSON(): ProcessExecutionErrorFacts & { readonly name: string; readonly code: string } {
    const {
      name,
      code,
      stdout,
      stderr,
      all,
      extraOutput,
      exitCode,
      cmd,
      description,
      signal,
      attempts,
      durationMs,
      limit,
    } = this;
    return {
      name,
      code,
      stdout,
      stderr,
      all,
      extraOutput,
      exitCode,
      cmd,
      description,
      signal,
      attempts,
      durationMs,
      limit,
    };
  }

  /** The error whose `toJSON` gave `facts`, with the same message. */
  static fromJSON(facts: ProcessExecutionErrorFacts): ProcessExecutionError {
    return new ProcessExecutionError(facts);
  }
}

function messageOf({ description, cmd, exitCode, stdout, stderr }: ProcessExecutionErrorFacts): string {
  return [
    description ?? unexpected,
    `Command: ${cmd ?? 'None'}`,
    `Exit code: ${exitCode ?? '-'}`,
    `Stdout: ${shortRepr(stdout)}`,
    `Stderr: ${shortRepr(stderr)}`,
  ].join('\n');
}
