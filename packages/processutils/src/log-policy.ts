import { checkLogLevel, getLogger, type LogLevel } from '@oslo-concurrency/core';
import { InvalidArgumentError } from './errors/argument-errors.js';
import type { ProcessExecutionError } from './errors/execution-error.js';
import { pythonRepr } from './masking/python-repr.js';

/**
 * Which failed attempts of a command are logged with exit code and output; oslo's enumeration of the same name.
 *
 * `DEFAULT`: none · `ALL`: each · `FINAL`: the last one only, when every attempt failed.
 */
export const LogErrors = { DEFAULT: 0, ALL: 1, FINAL: 2 } as const;
/** One of the values of {@link LogErrors}. */
export type LogErrors = (typeof LogErrors)[keyof typeof LogErrors];

/** What is logged about a command, and how: the part of a checked command that this file reads. */
export interface LoggedCommand {
  /** The command line as it may be shown. */
  readonly shown: string;
  readonly logLevel: LogLevel;
  readonly logErrors: LogErrors;
}

/** The level from the option `logLevel`. */
export function checkLogging(value: unknown = 'debug'): LogLevel {
  try {
    checkLogLevel('logLevel', value);
    return value;
  } catch (error) {
    throw new InvalidArgumentError('logLevel', (error as InvalidArgumentError).expected, value);
  }
}

/** The policy from the option `logErrors`. */
export function checkLogErrors(value: unknown = LogErrors.DEFAULT): LogErrors {
  if ((Object.values(LogErrors) as unknown[]).includes(value)) return value as LogErrors;
  throw new InvalidArgumentError('logErrors', 'LogErrors.DEFAULT, LogErrors.ALL or LogErrors.FINAL', value);
}

/** Logs that a command is being started. */
export function logStart({ logLevel, shown }: LoggedCommand): void {
  getLogger()[logLevel](`Running cmd (subprocess): ${shown}`);
}

/** Logs how a command ended: `returned: 0`, `reached timeout`, `was aborted`. */
export function logEnd({ logLevel, shown }: LoggedCommand, how: string, durationMs: number): void {
  getLogger()[logLevel](`CMD "${shown}" ${how} in ${(durationMs / 1000).toFixed(3)}s`);
}

/** Logs a failed attempt as the command's `logErrors` says, and whether there will be another. */
export function logFailure(command: LoggedCommand, error: ProcessExecutionError, attemptsLeft: number): void {
  const { logErrors, logLevel, shown } = command;
  const logger = getLogger();
  if (logErrors === LogErrors.ALL || (logErrors === LogErrors.FINAL && attemptsLeft === 0)) {
    logger[logLevel](error.exitCode === undefined ? startFailure(error) : executionFailure(error));
  }
  logger[logLevel](`${pythonRepr(shown)} failed. ${attemptsLeft === 0 ? 'Not Retrying.' : 'Retrying.'}`);
}

function executionFailure({ description, cmd, exitCode, stdout, stderr }: ProcessExecutionError): string {
  return [
    repr(description),
    `command: ${repr(cmd)}`,
    `exit code: ${exitCode}`,
    `stdout: ${repr(stdout)}`,
    `stderr: ${repr(stderr)}`,
  ].join('\n');
}

function startFailure({ cmd, cause }: ProcessExecutionError): string {
  const { errno } = cause as NodeJS.ErrnoException;
  return `Got an OSError\ncommand: ${repr(cmd)}\nerrno: ${errno === undefined ? 'None' : Math.abs(errno)}`;
}

function repr(text: string | undefined): string {
  return text === undefined ? 'None' : pythonRepr(text);
}
