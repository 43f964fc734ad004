import type { Readable } from 'node:stream';
import { realTime } from '@oslo-concurrency/core';

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

// ssh2 signals only while the input is open, though the protocol allows it until the channel is closed, and the input
// has been closed at once, so that no command waits for it. So we call its own sender; a version without one does nothing.
interface SshInternals {
  readonly _sock?: { readonly destroyed?: boolean };
  readonly outgoing?: { readonly id?: number };
  readonly _client?: { readonly _protocol?: { signal?(channel: number, name: string): void } };
}

// To ssh2, a server that refuses to run a command and one that is lost before it answers are one error.
export function isGone(client: SshClient): boolean {
  return (client as SshInternals)._sock?.destroyed === true;
}

export function signalRemote(channel: SshChannel, name: string): void {
  const { outgoing, _client: client } = channel as SshInternals;
  try {
    if (outgoing?.id !== undefined) client?._protocol?.signal?.(outgoing.id, name);
  } catch {
    // The connection is gone: there is no command to signal.
  }
}

/**
 * Sends SIGKILL until the server reports the end, for a second at most.
 *
 * Again and again, since OpenSSH says that it runs a command before that is the leader of its process group, and drops
 * a signal to a group that is not there.
 */
export function killRemote(channel: SshChannel): void {
  let left = 20;
  const timer = realTime.setInterval(() => {
    signalRemote(channel, 'KILL');
    left -= 1;
    if (left === 0) end();
  }, 50);
  const end = (): void => {
    realTime.clearInterval(timer);
    channel.close();
  };
  channel.on('error', () => {});
  channel.once('exit', end);
  channel.once('close', end);
}
