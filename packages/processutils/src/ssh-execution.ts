import { constants } from 'node:os';
import { getLogger } from '@oslo-concurrency/core';
import { checkSshCommand, type SshCommand, type SshExecuteOptions } from './check-ssh-command.js';
import {
  type EndedCommandFacts,
  type Output,
  ProcessAbortedError,
  ProcessExecutionError,
  ProcessTimeoutError,
} from './errors.js';
import { captureOutput, type OutputCapture } from './output-capture.js';
import { patience } from './patience.js';
import { type SshChannel, type SshClient, type SshExecuteResult, SshOutcomeUnknownError } from './ssh-execute.js';
import { type StopReason, StopRequest } from './stop-request.js';
import { encodeText } from './text-decoding.js';

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
  const start = performance.now();
  const stop = new StopRequest(checked.timeout, signal);
  const run = new RemoteRun(client, checked, (error) => stop.request({ why: 'failure', error }));
  try {
    const first = await Promise.race([run.ended, stop.requested]);
    if ('why' in first) throw stoppedError(first, checked, await run.stop(checked.killGrace), run, start);
    const durationMs = performance.now() - start;
    const written = { stdout: run.stdout.shown(mask), stderr: run.stderr.shown(mask) };
    if (first.failure !== undefined) {
      const description = `The command could not be started over SSH: ${mask(first.failure.message)}`;
      throw new ProcessExecutionError(
        { cmd: shown, description, durationMs },
        { cause: maskedCopy(first.failure, mask) },
      );
    }
    const { exitCode, signal: endSignal } = first;
    if (exitCode === undefined) throw new SshOutcomeUnknownError({ cmd: shown, ...written, durationMs });
    getLogger().debug(`Result was ${exitCode}`);
    if (!checked.accepts(exitCode)) {
      throw new ProcessExecutionError({ ...written, exitCode, cmd: shown, signal: endSignal, durationMs });
    }
    const stdout = checked.sanitizeStdout ? written.stdout : undefined;
    return {
      stdout: output(stdout, run.stdout, checked.binary),
      stderr: output(written.stderr, run.stderr, checked.binary),
      exitCode,
      durationMs,
      command: shown,
    };
  } finally {
    stop.dispose();
    run.close();
  }
}

interface RemoteEnd {
  /** `undefined` when the server never said how the command ended. */
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
  /** Why there was no channel for the command. */
  readonly failure?: Error;
}

/** A command on the server: its channel, what it wrote, and how it ended. */
class RemoteRun {
  readonly ended: Promise<RemoteEnd>;
  readonly stdout: OutputCapture;
  readonly stderr: OutputCapture;
  #channel: SshChannel | undefined;
  #closed = false;

  constructor(client: SshClient, { text, limit }: SshCommand, fail: (error: unknown) => void) {
    // As text is what gets masked, text is what is kept, also when bytes are asked for.
    this.stdout = captureOutput(limit, false);
    this.stderr = captureOutput(limit, false);
    this.ended = new Promise((resolve) => {
      try {
        client.exec(text, (error, channel) => {
          // The connection went when the server had been asked and had not answered: it may have begun.
          if (error?.message === 'Unable to exec' && isGone(client)) return resolve({});
          if (error !== undefined && error !== null) return resolve({ failure: error });
          this.#channel = channel;
          // The server was asked too late: the caller has been told of a timeout or an abort.
          if (this.#closed) return channel.close();
          this.#follow(channel, resolve, fail);
          return undefined;
        });
      } catch (error) {
        resolve({ failure: error as Error });
      }
    });
  }

  /** SIGTERM, after `grace` SIGKILL; says which it took, or that the server did not confirm the end. */
  async stop(grace: number): Promise<Pick<EndedCommandFacts, 'endedBy' | 'remaining'>> {
    if (this.#channel === undefined) return { endedBy: undefined, remaining: [] };
    for (const [signal, limit] of [
      ['SIGTERM', grace],
      ['SIGKILL', 150],
    ] as const) {
      signalRemote(this.#channel, signal.slice(3));
      const timer = new AbortController();
      const waited = patience(limit, timer.signal).then(() => undefined);
      const ended = await Promise.race([this.ended, waited]);
      timer.abort();
      if (ended !== undefined && ended.exitCode !== undefined) return { endedBy: signal, remaining: [] };
    }
    const remaining = [{ pid: 0, name: 'remote command', reason: 'the server did not confirm its end' }];
    return { endedBy: 'SIGKILL', remaining };
  }

  close(): void {
    this.#closed = true;
    this.#channel?.close();
  }

  #follow(channel: SshChannel, resolve: (end: RemoteEnd) => void, fail: (error: unknown) => void): void {
    let end: RemoteEnd = {};
    // A throw in here would be nobody's to catch.
    const into = (capture: OutputCapture) => (chunk: Buffer) => {
      try {
        capture.add(chunk);
      } catch (error) {
        fail(error);
      }
    };
    channel.on('data', into(this.stdout));
    channel.stderr.on('data', into(this.stderr));
    channel.on('exit', (code: number | null, name?: string) => {
      const signal = name === undefined ? undefined : `SIG${name.replace(/^SIG/, '')}`;
      const number = signal === undefined ? 0 : (constants.signals[signal as NodeJS.Signals] ?? 0);
      end = { exitCode: code ?? -number, signal };
    });
    channel.on('error', () => {});
    channel.once('close', () => resolve(end));
    channel.end();
  }
}

// ssh2 signals only while the input is open, though the protocol allows it until the channel is closed, and the input
// has been closed at once, lest a command wait for it. So its own sender is asked; a version without one does nothing.
interface SshInternals {
  readonly _sock?: { readonly destroyed?: boolean };
  readonly outgoing?: { readonly id?: number };
  readonly _client?: { readonly _protocol?: { signal?(channel: number, name: string): void } };
}

// To ssh2, a server that refuses to run a command and one that is lost before it answers are one error.
function isGone(client: SshClient): boolean {
  return (client as SshInternals)._sock?.destroyed === true;
}

function signalRemote(channel: SshChannel, name: string): void {
  const { outgoing, _client: client } = channel as SshInternals;
  try {
    if (outgoing?.id !== undefined) client?._protocol?.signal?.(outgoing.id, name);
  } catch {
    // The connection is gone: there is nobody to signal.
  }
}

function stoppedError(
  reason: StopReason,
  { shown, mask, timeout }: SshCommand,
  how: Pick<EndedCommandFacts, 'endedBy' | 'remaining'>,
  run: RemoteRun,
  start: number,
): unknown {
  if (reason.why === 'failure') return reason.error;
  const written = { stdout: run.stdout.shown(mask), stderr: run.stderr.shown(mask) };
  const facts = { cmd: shown, ...written, pid: undefined, ...how, durationMs: performance.now() - start };
  if (reason.why === 'abort') return new ProcessAbortedError(facts, reason.reason);
  return new ProcessTimeoutError({ ...facts, timeout });
}

function maskedCopy(error: Error, mask: (text: string) => string): Error {
  const copy = new Error(mask(error.message));
  copy.stack = `${error.name}: ${copy.message}`;
  return copy;
}

function output(masked: string | undefined, capture: OutputCapture, binary: boolean): Output {
  const text = masked ?? capture.text();
  return binary ? Buffer.from(encodeText(text)) : text;
}
