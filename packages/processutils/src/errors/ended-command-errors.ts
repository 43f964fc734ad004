import { ConcurrencyError } from '@oslo-concurrency/core';
import { shortRepr } from '../masking/python-repr.js';
import type { SurvivingProcess } from '../terminate/command-tree.js';

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
