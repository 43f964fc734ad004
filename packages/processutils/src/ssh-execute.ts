import { ConcurrencyError, getLogger, realTime } from '@oslo-concurrency/core';
import { type EndedCommandFacts, ProcessAbortedError, ProcessTimeoutError } from './errors/ended-command-errors.js';
import { type Output, ProcessExecutionError } from './errors/execution-error.js';
import type { Masker } from './masking/masker.js';
import { shortRepr } from './masking/python-repr.js';
import { encodeText } from './output/text-decoding.js';
import { type StopReason, StopRequest } from './run/stop-request.js';
import { checkSshCommand, type SshCommand, type SshExecuteOptions } from './ssh/check-ssh-command.js';
import { RemoteRun } from './ssh/remote-run.js';
import type { SshClient } from './ssh/ssh-client.js';

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
  override readonly name: string = 'SshOutcomeUnknownError';
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
 * Runs a command by the shell of a server, over a connected `ssh2` client. Resolves to its output.
 *
 * stdout and stderr are read at the same time, so neither can block the other. After a timeout or an abort, the remote command
 * receives `killSignal`, and SIGKILL after `killGrace`; then the channel is closed. Processes that it started elsewhere on the
 * server cannot be ended. The client stays open. oslo's counterpart: `processutils.ssh_execute`.
 *
 * @param client - A connected client of `ssh2`.
 * @param command - The command line, for the shell of the server.
 * @throws InvalidArgumentError for wrong options, and for `processInput` and `addlEnv`, which oslo refuses too.
 * @throws ProcessExecutionError if it could not be started, or ended with another exit code.
 * @throws SshOutcomeUnknownError if the connection was lost: the command may have run, or may still run.
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

/** What `sshExecute` does, once it is loaded. */
export async function runSshExecute(
  client: SshClient,
  command: string,
  options: SshExecuteOptions,
): Promise<SshExecuteResult<Output>> {
  const checked = checkSshCommand(client, command, options);
  const { shown, mask, signal } = checked;
  if (signal?.aborted) {
    const facts = { cmd: shown, stdout: '', stderr: '', pid: undefined, endedBy: undefined, remaining: [] };
    throw new ProcessAbortedError({ ...facts, durationMs: 0 }, signal.reason);
  }
  getLogger().debug(`Running cmd (SSH): ${shown}`);
  const start = realTime.now();
  const stop = new StopRequest(checked.timeout, signal);
  const run = new RemoteRun(client, checked, (error) => stop.request({ why: 'failure', error }));
  try {
    const first = await Promise.race([run.ended, stop.requested]);
    if ('why' in first)
      throw stoppedError(first, checked, await run.stop(checked.killSignal, checked.killGrace), run, start);
    const durationMs = realTime.now() - start;
    const written = () => shownOutput(run, mask);
    if (first.failure !== undefined) {
      const description = `The command could not be started over SSH: ${mask(first.failure.message)}`;
      throw new ProcessExecutionError(
        { cmd: shown, description, durationMs },
        { cause: maskedCopy(first.failure, mask) },
      );
    }
    const { exitCode, signal: endSignal } = first;
    if (exitCode === undefined && endSignal !== undefined) {
      const which = endSignal === 'unknown' ? 'a signal, and the server did not say which' : `the signal ${endSignal}`;
      const description = `The command was ended by ${which}.`;
      throw new ProcessExecutionError({ ...written(), cmd: shown, description, signal: endSignal, durationMs });
    }
    if (exitCode === undefined) throw new SshOutcomeUnknownError({ cmd: shown, ...written(), durationMs });
    getLogger().debug(`Result was ${exitCode}`);
    if (!checked.accepts(exitCode)) {
      throw new ProcessExecutionError({ ...written(), exitCode, cmd: shown, signal: endSignal, durationMs });
    }
    const stdout = checked.sanitizeStdout ? run.stdout.sanitized(mask) : run.stdout.text();
    const stderr = run.stderr.sanitized(mask);
    const all = run.order?.weave(checked.sanitizeStdout ? stdout : mask.data(stdout), stderr);
    return {
      stdout: output(stdout, checked.binary),
      stderr: output(stderr, checked.binary),
      ...(all === undefined ? {} : { all: output(all, checked.binary) }),
      exitCode,
      durationMs,
      command: shown,
    };
  } finally {
    stop.dispose();
    run.close();
  }
}

function shownOutput({ stdout, stderr, order }: RemoteRun, mask: Masker) {
  const written = { stdout: stdout.shown(mask), stderr: stderr.shown(mask) };
  return { ...written, all: order?.weave(written.stdout, written.stderr) };
}

function stoppedError(
  reason: StopReason,
  { shown, mask, timeout }: SshCommand,
  how: Pick<EndedCommandFacts, 'endedBy' | 'remaining'>,
  run: RemoteRun,
  start: number,
): unknown {
  if (reason.why === 'failure') return reason.error;
  const written = shownOutput(run, mask);
  const facts = { cmd: shown, ...written, pid: undefined, ...how, durationMs: realTime.now() - start };
  if (reason.why === 'abort') return new ProcessAbortedError(facts, reason.reason);
  return new ProcessTimeoutError({ ...facts, timeout });
}

function maskedCopy(error: Error, mask: (text: string) => string): Error {
  const copy = new Error(mask(error.message));
  copy.stack = `${error.name}: ${copy.message}`;
  return copy;
}

function output(text: string, binary: boolean): Output {
  return binary ? Buffer.from(encodeText(text)) : text;
}
