import { constants } from 'node:os';
import { InvalidArgumentError } from '../errors.js';

// Nobody can act on SIGSTOP, and SIGCONT asks for the opposite; the process would only wait for its SIGKILL.
const endNobody: readonly unknown[] = ['SIGSTOP', 'SIGCONT'];

// RFC 4254 has these names and no others.
const overSsh: readonly unknown[] = [
  ...['SIGABRT', 'SIGALRM', 'SIGFPE', 'SIGHUP', 'SIGILL', 'SIGINT', 'SIGKILL'],
  ...['SIGPIPE', 'SIGQUIT', 'SIGSEGV', 'SIGTERM', 'SIGUSR1', 'SIGUSR2'],
];

/** The signal that asks a command to end, from the option `killSignal`. */
export function checkKillSignal(value: unknown = 'SIGTERM'): NodeJS.Signals {
  const isSignal = typeof value === 'string' && Object.hasOwn(constants.signals, value);
  if (isSignal && !endNobody.includes(value)) return value as NodeJS.Signals;
  throw new InvalidArgumentError('killSignal', "the name of a signal that a program can act on, 'SIGINT' say", value);
}

/** The same for a command on a server, where fewer signals have a name. */
export function checkRemoteKillSignal(value: NodeJS.Signals): NodeJS.Signals {
  if (overSsh.includes(value)) return value;
  throw new InvalidArgumentError('killSignal', `one that SSH can send: ${overSsh.join(', ')}`, value);
}
