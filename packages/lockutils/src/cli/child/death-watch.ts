import { spawnSync } from 'node:child_process';
import { procIsOurs } from '../../owner/process-identity.js';
import { findProgram } from './find-program.js';

/**
 * A launcher that lets a command die with us: when this process ends, in whatever way, the kernel sends it SIGKILL.
 * `undefined` where that cannot be had (it takes setpriv of util-linux and env of coreutils). The command's own children
 * are not reached, and a program with the set-user-id bit is exempt.
 *
 * The kernel is told first, then the launcher looks whether we still live, by going where it is anyway: to our working
 * directory as `/proc` shows it. An ending process loses that before the kernel tells its children. So if we died
 * before the kernel was told, the launcher ends instead of running the command without the lock; if later, the kernel
 * ends it. A shell could ask for its parent's pid, but none hands on its environment as it was: dash forgets names that
 * are no identifiers (bash's exported functions), sets PWD, PPID and IFS, and ends at an OPTIND it cannot read.
 *
 * The second setpriv does nothing but execute: to `env` a command with `=` in its name would be a variable.
 */
export function deathWatch(): readonly string[] | undefined {
  if (process.platform !== 'linux' || !procIsOurs()) return undefined;
  const setpriv = findProgram('setpriv').path;
  const env = findProgram('env').path;
  if (setpriv === undefined || env === undefined) return undefined;
  const watch = [setpriv, '--pdeathsig', 'KILL', '--', env, '-C', `/proc/${process.pid}/cwd`, setpriv, '--'];
  // Busybox has a setpriv and an env that cannot do it.
  const works = spawnSync(setpriv, [...watch.slice(1), 'true'], { stdio: 'ignore' }).status === 0;
  return works ? watch : undefined;
}
