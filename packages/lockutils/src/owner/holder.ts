import { basename, isAbsolute } from 'node:path';

/**
 * The holder of a lock, as the owner record or the kernel reports it. For people and messages; no grant depends on it.
 */
export interface Holder {
  /**
   * The process id in the holder's own pid namespace; `undefined` if only the kernel knows the holder and does not
   * report it.
   */
  readonly pid?: number;
  /** The command line, cut at 200 characters. */
  readonly command?: string;
  readonly host?: string;
  /** The holder's `label` option. */
  readonly label?: string;
  /** The holder's `permits` option: the number of holders its lock admits. */
  readonly permits?: number;
  /** When the lock was granted, by the holder's wall clock. */
  readonly since?: Date;
}

/**
 * The name that this process shows to others: the program and its script, `node /srv/app/deploy.js`.
 *
 * Further arguments are left out: they may be secrets, and every user with read access to the lock path would see them.
 * The option `label` carries anything else that others should know.
 */
export function ownCommand(): string {
  const program = basename(process.argv[0] ?? process.execPath);
  const script = process.argv[1];
  // Node makes the script's path absolute. After `-e` and `-p`, the second word is the first argument instead.
  const evaluated = process.execArgv.some((argument) => /^(-[ep]+|--eval|--print)(=|$)/.test(argument));
  return script === undefined || evaluated || !isAbsolute(script) ? program : `${program} ${script}`;
}

/** This process as a holder, for example of an internal lock. */
export function thisProcess(): Holder {
  return { pid: process.pid, command: ownCommand() };
}

/** Replaces the characters that could control a terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}
