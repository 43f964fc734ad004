import { ConcurrencyError, InvalidOptionError, unknownOptionText } from '@oslo-concurrency/core';
import type { LimitName } from './limits/resource-limits.js';
import { shortRepr } from './masking/python-repr.js';
import type { SurvivingProcess } from './terminate/tree-hunt.js';

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

/** The facts that {@link ProcessTimeoutError} and {@link ProcessAbortedError} share. */
export interface EndedCommandFacts {
  /** The command line, masked. */
  readonly cmd: string;
  /** What it had written to stdout, masked. */
  readonly stdout: string;
  /** What it had written to stderr, masked. */
  readonly stderr: string;
  /** Both in one, masked, with the option `all`; see there. */
  readonly all?: string | undefined;
  /** What it had written to its `extraDescriptors`, masked. */
  readonly extraOutput?: readonly (string | undefined)[] | undefined;
  /** The process id, when it was started. */
  readonly pid: number | undefined;
  /** The last signal that was needed to end it; `undefined` when it had not been started, or had ended by itself. */
  readonly endedBy: NodeJS.Signals | undefined;
  /**
   * What could not be ended: still running processes of the command, and why. Empty when a look at the machine's processes
   * has shown that all is gone; an entry with pid 0 says why that is not known.
   */
  readonly remaining: readonly SurvivingProcess[];
  /** How long it ran, in ms. */
  readonly durationMs: number;
}

abstract class CommandEndedError extends ConcurrencyError implements EndedCommandFacts {
  readonly cmd: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly all: string | undefined;
  readonly extraOutput: readonly (string | undefined)[] | undefined;
  readonly pid: number | undefined;
  readonly endedBy: NodeJS.Signals | undefined;
  readonly remaining: readonly SurvivingProcess[];
  readonly durationMs: number;

  constructor(what: string, facts: EndedCommandFacts, options?: ErrorOptions) {
    super(endedMessage(what, facts), options);
    this.cmd = facts.cmd;
    this.stdout = facts.stdout;
    this.stderr = facts.stderr;
    this.all = facts.all;
    this.extraOutput = facts.extraOutput;
    this.pid = facts.pid;
    this.endedBy = facts.endedBy;
    this.remaining = facts.remaining;
    this.durationMs = facts.durationMs;
  }
}

/**
 * A command did not end within its `timeout`, so it was ended, with all its descendants that could be found.
 *
 * Carries what it had written until then. Not a {@link ProcessExecutionError}, and never retried, as in oslo, whose
 * counterpart is `subprocess.TimeoutExpired`.
 */
export class ProcessTimeoutError extends CommandEndedError {
  override readonly name: string = 'ProcessTimeoutError';
  readonly code = 'ERR_PROCESS_TIMEOUT';
  /** The timeout that was given, in ms. */
  readonly timeout: number;

  constructor(facts: EndedCommandFacts & { readonly timeout: number }) {
    super(`The command did not end within ${facts.timeout} ms`, facts);
    this.timeout = facts.timeout;
  }
}

/** The `signal` given to a command was aborted, so it was ended, or not started. `cause` is the signal's reason. */
export class ProcessAbortedError extends CommandEndedError {
  override readonly name: string = 'ProcessAbortedError';
  readonly code = 'ERR_PROCESS_ABORTED';

  constructor(facts: EndedCommandFacts, reason: unknown) {
    super('The command was aborted', facts, { cause: reason });
  }
}

/** What a {@link LineTooLongError} knows. */
export interface LineTooLongErrorFacts {
  /** The command line, masked. */
  readonly cmd: string;
  /** Which stream the line came on. */
  readonly stream: 'stdout' | 'stderr';
  /** How many bytes a line may have. */
  readonly limit: number;
}

/**
 * A command wrote a line that is longer than `maxLineLength`, or than a string can be, so it was ended, with all its
 * descendants. The callback got all lines before it, and nothing of it. oslo, which knows no lines, has no counterpart.
 */
export class LineTooLongError extends ConcurrencyError implements LineTooLongErrorFacts {
  override readonly name: string = 'LineTooLongError';
  readonly code = 'ERR_LINE_TOO_LONG';
  readonly cmd: string;
  readonly stream: 'stdout' | 'stderr';
  readonly limit: number;

  constructor({ cmd, stream, limit }: LineTooLongErrorFacts) {
    super(
      `A line of ${stream} is longer than ${limit} bytes, so the command was ended. Raise maxLineLength, or take the ` +
        `output as a stream.\nCommand: ${cmd}`,
    );
    this.cmd = cmd;
    this.stream = stream;
    this.limit = limit;
  }
}

function endedMessage(what: string, { pid, endedBy, remaining, cmd, stdout, stderr }: EndedCommandFacts): string {
  const notTaken = 'before the given stream had taken its output, or a callback had ended';
  const notEnded = pid === undefined ? 'before it was started' : notTaken;
  const how = endedBy === undefined ? notEnded : `and was ended by ${endedBy}`;
  // pid 0 is no process: it is not known whether there is one.
  const named = remaining.map(({ pid, name, reason }) =>
    pid === 0 ? `${name}: ${reason}` : `${pid} (${name}: ${reason})`,
  );
  const left = named.join(', ');
  return [
    `${what} ${how}.${left === '' ? '' : ` Still running: ${left}.`}`,
    `Command: ${cmd}`,
    `Stdout: ${shortRepr(stdout)}`,
    `Stderr: ${shortRepr(stderr)}`,
  ].join('\n');
}

/** An argument has a wrong type or value. Thrown before anything is started; never shows what may be a secret. */
export class InvalidArgumentError extends InvalidOptionError {
  override readonly name: string = 'InvalidArgumentError';
  constructor(option: string, expected: string, received: unknown) {
    super(option, expected, received);
  }
}

/** An option does not exist; the message lists those that do. Thrown before anything is started. */
export class UnknownArgumentError extends InvalidOptionError {
  override readonly name: string = 'UnknownArgumentError';
  constructor(name: string, known: readonly string[]) {
    super('option', `one of ${known.join(', ')}`, name, unknownOptionText(name, known));
  }
}

/** A command was to run as root, this process is not root, and no `rootHelper` was given. */
export class NoRootWrapSpecifiedError extends ConcurrencyError {
  override readonly name: string = 'NoRootWrapSpecifiedError';
  readonly code = 'ERR_NO_ROOT_WRAP_SPECIFIED';

  constructor() {
    super("Command requested root, but did not specify a root helper. Give one: rootHelper: 'sudo'.");
  }
}
