import { spawnSync } from 'node:child_process';
import { procIsOurs } from '../../owner/process-identity.js';
import { findProgram } from './find-program.js';

/**
 * A launcher that makes a command die with us: when this process ends, in any way, the kernel sends SIGKILL to the
 * command. `undefined` if no launcher is available (it needs setpriv of util-linux and env of coreutils). It does not
 * reach the command's own children, and a program with the set-user-id bit is exempt.
 *
 * The launcher first asks the kernel for the signal, then checks whether we are still alive: it changes to our working
 * directory through `/proc`, where the command has to run anyway. An ending process loses that entry before the kernel
 * signals its children. So if we died before the kernel was asked, the launcher ends and does not run the command
 * without the lock. If we die later, the kernel ends the command. A shell could ask for its parent's pid instead, but
 * no shell passes its environment on unchanged: dash drops names that are not identifiers (bash's exported functions),
 * sets PWD, PPID and IFS, and exits at an OPTIND that it cannot parse.
 *
 * The second setpriv only executes the command: `env` would take a command with `=` in its name for a variable.
 */
export function deathWatch(): readonly string[] | undefined {
  if (process.platform !== 'linux' || !procIsOurs()) return undefined;
  const setpriv = findProgram('setpriv').path;
  const env = findProgram('env').path;
  if (setpriv === undefined || env === undefined) return undefined;
  const watch = [setpriv, '--pdeathsig', 'KILL', '--', env, '-C', `/proc/${process.pid}/cwd`, setpriv, '--'];
  // Busybox's setpriv and env lack these options.
  const works = spawnSync(setpriv, [...watch.slice(1), 'true'], { stdio: 'ignore' }).status === 0;
  return works ? watch : undefined;
}
