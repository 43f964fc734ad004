import { checkCommand } from '../command/check-command.js';
import type { ExecuteOptions } from '../command/command.js';
import { checkOptions, hidden } from '../command/masked-misuse.js';
import { checkRemoteKillSignal } from '../command/option-values.js';
import { InvalidArgumentError, UnknownArgumentError } from '../errors/argument-errors.js';
import type { Masker } from '../masking/masker.js';
import type { SshClient } from './ssh-client.js';

/** Options of `sshExecute`; those that `execute` has mean the same. Times are milliseconds. */
export interface SshExecuteOptions
  extends Pick<
    ExecuteOptions,
    'checkExitCode' | 'binary' | 'timeout' | 'killSignal' | 'killGrace' | 'signal' | 'secrets' | 'maxBuffer' | 'all'
  > {
  /**
   * Whether passwords in stdout are masked even when the command succeeds, as in oslo.
   * @defaultValue `true`
   */
  readonly sanitizeStdout?: boolean | undefined;
}

/** A checked command for a server. */
export interface SshCommand {
  readonly text: string;
  readonly shown: string;
  readonly mask: Masker;
  readonly accepts: (exitCode: number) => boolean;
  readonly binary: boolean;
  readonly timeout: number;
  readonly killSignal: NodeJS.Signals;
  readonly killGrace: number;
  readonly signal: AbortSignal | undefined;
  readonly limit: number;
  readonly all: boolean;
  readonly sanitizeStdout: boolean;
}

const refused = [
  ['processInput', 'left out: the command gets no input over SSH'],
  ['stdin', 'left out: the command gets no input over SSH'],
  ['stdout', 'left out: over SSH the output comes back in the result'],
  ['stderr', 'left out: over SSH the output comes back in the result'],
  ['preferLocal', "left out: the server's shell looks for the program"],
  ['extraDescriptors', 'left out: SSH carries stdin, stdout and stderr only'],
  ['addlEnv', 'left out: servers refuse an environment over SSH; write it into the command'],
] as const;

const shared = [
  'checkExitCode',
  'binary',
  'timeout',
  'killSignal',
  'killGrace',
  'signal',
  'secrets',
  'maxBuffer',
  'all',
] as const;

const names: readonly string[] = [...shared, 'sanitizeStdout'];

/** Turns what the user gave into an {@link SshCommand}, or throws before anything is sent. */
export function checkSshCommand(client: SshClient, text: string, options: SshExecuteOptions): SshCommand {
  return checkOptions(options, names, () => sshCommandOf(client, text, options));
}

function sshCommandOf(client: SshClient, text: string, options: SshExecuteOptions): SshCommand {
  if (typeof client !== 'object' || client === null || typeof client.exec !== 'function') {
    throw new InvalidArgumentError('client', 'a connected client of the ssh2 package', typeof client);
  }
  if (typeof options !== 'object' || options === null) {
    throw new InvalidArgumentError('options', 'an object', hidden(options));
  }
  const { sanitizeStdout = true, ...rest } = options;
  if (typeof sanitizeStdout !== 'boolean') {
    throw new InvalidArgumentError('sanitizeStdout', 'a boolean', sanitizeStdout);
  }
  const given = rest as Readonly<Record<string, unknown>>;
  for (const [name, expected] of refused) {
    if (given[name] !== undefined) throw new InvalidArgumentError(name, expected, '[a value, not shown]');
  }
  for (const name of Object.keys(given)) {
    if (name in Object.fromEntries(refused) || (shared as readonly string[]).includes(name)) continue;
    throw new UnknownArgumentError(name, names);
  }
  const checked = checkCommand(text, [], Object.fromEntries(shared.map((name) => [name, given[name]])));
  const { shown, mask, accepts, binary, timeout, killGrace, signal, stdout } = checked;
  const killSignal = checkRemoteKillSignal(checked.killSignal);
  return {
    text,
    shown,
    mask,
    accepts,
    binary,
    timeout,
    killSignal,
    killGrace,
    signal,
    limit: stdout.limit,
    all: checked.all,
    sanitizeStdout,
  };
}
