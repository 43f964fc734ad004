import type { Readable } from 'node:stream';
import { ConcurrencyError } from '@oslo-concurrency/core';
import type { EndedCommandFacts, Output } from './errors.js';
import { shortRepr } from './masking/python-repr.js';
import type { SshExecuteOptions } from './ssh/check-ssh-command.js';
import { runSshExecute } from './ssh-execution.js';

/** What is needed of a channel of the `ssh2` package. */
export interface SshChannel extends Readable {
  readonly stderr: Readable;
  end(): unknown;
  close(): unknown;
}

/** What is needed of a connected client of the `ssh2` package, which is one. */
export interface SshClient {
  exec(command: string, callback: (error: Error | undefined, channel: SshChannel) => void): unknown;
}

/** What {@link sshExecute} resolves to. */
export interface SshExecuteResult<Written extends Output = string> {
  /** What the command wrote to stdout; masked unless `sanitizeStdout` is `false`. */
  readonly stdout: Written;
  /** What the command wrote to stderr, masked as in oslo. */
  readonly stderr: Written;
  /** Both in one, with the option `all`; masked always. */
  readonly all?: Written | undefined;
  /** `-n` when signal n ended the command. */
  readonly exitCode: number;
  /** How long it took, in ms. */
  readonly durationMs: number;
  /** The command, masked. */
  readonly command: string;
}

/**
 * The SSH connection was lost before the server said how the command ended: it may not have run, may have, or may still
 * be running. Look before running it again. Carries what had arrived of its output, masked.
 */
export class SshOutcomeUnknownError extends ConcurrencyError {
  readonly code = 'ERR_SSH_OUTCOME_UNKNOWN';
  /** The command, masked. */
  readonly cmd: string;
  /** What had arrived of stdout, masked. */
  readonly stdout: string;
  /** What had arrived of stderr, masked. */
  readonly stderr: string;
  /** How long it had been running, in ms. */
  readonly durationMs: number;

  constructor(facts: Pick<EndedCommandFacts, 'cmd' | 'stdout' | 'stderr' | 'durationMs'>) {
    super(
      [
        'The SSH connection was lost before the server said how the command ended: whether it was done is unknown.',
        `Command: ${facts.cmd}`,
        `Stdout: ${shortRepr(facts.stdout)}`,
        `Stderr: ${shortRepr(facts.stderr)}`,
      ].join('\n'),
    );
    this.cmd = facts.cmd;
    this.stdout = facts.stdout;
    this.stderr = facts.stderr;
    this.durationMs = facts.durationMs;
  }
}

/**
 * Has the shell of the server run a command over a connected `ssh2` client, and resolves to what it wrote.
 *
 * stdout and stderr are read together, so neither can hold up the other. At `timeout` or abort the remote command gets
 * `killSignal`, after `killGrace` SIGKILL, and the channel is closed; what it started elsewhere on the server is out of
 * reach. The client stays open. oslo's counterpart: `processutils.ssh_execute`.
 *
 * @throws InvalidArgumentError for wrong options, and for `processInput` and `addlEnv`, which oslo refuses too.
 * @throws ProcessExecutionError when it could not be started or ended with another exit code than expected.
 * @throws SshOutcomeUnknownError when the connection was lost: it may have run, may be running, may be done.
 * @throws ProcessTimeoutError, ProcessAbortedError
 */
export function sshExecute(
  client: SshClient,
  command: string,
  options: SshExecuteOptions & { readonly binary: true },
): Promise<SshExecuteResult<Buffer>>;
export function sshExecute(
  client: SshClient,
  command: string,
  options?: SshExecuteOptions & { readonly binary?: false | undefined },
): Promise<SshExecuteResult>;
export async function sshExecute(
  client: SshClient,
  command: string,
  options: SshExecuteOptions = {},
): Promise<SshExecuteResult<Output>> {
  return runSshExecute(client, command, options);
}
