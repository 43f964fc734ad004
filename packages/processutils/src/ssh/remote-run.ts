import { constants } from 'node:os';
import { realTime } from '@oslo-concurrency/core';
import type { EndedCommandFacts } from '../errors/ended-command-errors.js';
import { captureOutput } from '../output/capture-output.js';
import { LineOrder } from '../output/line-order.js';
import type { OutputCapture } from '../output/output-capture.js';
import { within } from '../system/patience.js';
import type { SshCommand } from './check-ssh-command.js';
import { isGone, killRemote, type SshChannel, type SshClient, signalRemote } from './ssh-client.js';

interface RemoteEnd {
  /** The exit status, or `-n` for signal n; `undefined` when the server never said how the command ended, or named a signal without a number here. */
  readonly exitCode?: number | undefined;
  /** The signal that ended the command; `'unknown'` when the server did not say which. */
  readonly signal?: string | undefined;
  /** Why there was no channel for the command. */
  readonly failure?: Error;
}

/** A command on the server: its channel, what it wrote, and how it ended. */
export class RemoteRun {
  readonly ended: Promise<RemoteEnd>;
  readonly stdout: OutputCapture;
  readonly stderr: OutputCapture;
  /** In which order the lines of the two came, when that was asked for. */
  readonly order: LineOrder | undefined;
  /** Resolves when the server has answered whether it runs the command. */
  readonly #answered: Promise<void>;
  #channel: SshChannel | undefined;
  #closed = false;
  /** The channel stays open for that. */
  #killed = false;

  constructor(client: SshClient, { text, limit, all }: SshCommand, fail: (error: unknown) => void) {
    // As text is what gets masked, text is what is kept, also when bytes are asked for.
    this.stdout = captureOutput(limit, false);
    this.stderr = captureOutput(limit, false);
    this.order = all ? new LineOrder() : undefined;
    let answer = (): void => {};
    this.#answered = new Promise((resolve) => {
      answer = resolve;
    });
    this.ended = new Promise((resolve) => {
      try {
        client.exec(text, (error, channel) => {
          answer();
          // The connection went when the server had been asked and had not answered: it may have begun.
          if (error?.message === 'Unable to exec' && isGone(client)) return resolve({});
          if (error !== undefined && error !== null) return resolve({ failure: error });
          this.#channel = channel;
          // The answer came after the grace: the caller has already got the error that says so, and the command must not stay.
          if (this.#closed) return killRemote(channel);
          this.#follow(channel, resolve, fail);
          return undefined;
        });
      } catch (error) {
        answer();
        resolve({ failure: error as Error });
      }
    });
  }

  /**
   * `killSignal`, after `grace` SIGKILL; says which it took, or that the server did not confirm the end.
   *
   * A server that has been asked and has not answered may run the command already, and nothing can be sent to it before
   * its answer. So that is waited for, within the grace; the command is remaining if it does not come, and is killed as
   * soon as it does.
   */
  async stop(killSignal: NodeJS.Signals, grace: number): Promise<Pick<EndedCommandFacts, 'endedBy' | 'remaining'>> {
    const begun = realTime.now();
    await within(grace, this.#answered);
    const channel = this.#channel;
    if (channel === undefined) {
      const refused = (await within(0, this.ended))?.failure !== undefined;
      return { endedBy: undefined, remaining: refused ? [] : remains('the server has not said whether it runs') };
    }
    for (const [signal, limit] of [
      [killSignal, killSignal === 'SIGKILL' ? 0 : Math.max(0, grace - (realTime.now() - begun))],
      ['SIGKILL', 150],
    ] as const) {
      signalRemote(channel, signal.slice(3));
      const ended = await within(limit, this.ended);
      if (ended?.exitCode !== undefined || ended?.signal !== undefined) return { endedBy: signal, remaining: [] };
    }
    this.#killed = true;
    killRemote(channel);
    return { endedBy: 'SIGKILL', remaining: remains('the server did not confirm its end') };
  }

  close(): void {
    this.#closed = true;
    if (!this.#killed) this.#channel?.close();
  }

  #follow(channel: SshChannel, resolve: (end: RemoteEnd) => void, fail: (error: unknown) => void): void {
    let end: RemoteEnd = {};
    // No caller could catch a throw in here.
    const into = (capture: OutputCapture, from: 0 | 1) => (chunk: Buffer) => {
      try {
        capture.add(chunk);
        this.order?.add(from, chunk, capture.leftOut);
      } catch (error) {
        fail(error);
      }
    };
    channel.on('data', into(this.stdout, 0));
    channel.stderr.on('data', into(this.stderr, 1));
    channel.on('exit', (code: number | null, name?: string) => {
      end = code === null ? signalEnd(name) : { exitCode: code };
    });
    channel.on('error', () => {});
    channel.once('close', () => resolve(end));
    channel.end();
  }
}

/**
 * The end by a signal. RFC 4254 names thirteen signals; for every other OpenSSH says `SIG@openssh.com`, whichever it was.
 * Without a number there is no exit code to give, and none that could pass for a success.
 */
function signalEnd(name: string | undefined): RemoteEnd {
  const signal = `SIG${(name ?? '').replace(/^(SIG)+/, '')}`;
  if (!Object.hasOwn(constants.signals, signal)) return { signal: signal.includes('@') ? 'unknown' : signal };
  return { exitCode: -constants.signals[signal as NodeJS.Signals], signal };
}

const remains = (reason: string): EndedCommandFacts['remaining'] => [{ pid: 0, name: 'remote command', reason }];
