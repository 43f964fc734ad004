import { spawnSync } from 'node:child_process';
import { findProgram } from './find-program.js';

/**
 * A launcher that lets a command die with us: when this process ends, in whatever way, the kernel sends it SIGKILL.
 * `undefined` where that cannot be had (it takes setpriv of util-linux). The command's own children are not reached,
 * and a program with the set-user-id bit is exempt.
 *
 * The kernel is told first, then the shell looks whether we still live: if we died before that, it ends instead of
 * running the command without the lock; if later, the kernel ends it.
 */
export function deathWatch(): readonly string[] | undefined {
  if (process.platform !== 'linux') return undefined;
  const setpriv = findProgram('setpriv').path;
  if (setpriv === undefined) return undefined;
  const watch = [setpriv, '--pdeathsig', 'KILL', '--'];
  // Busybox has a setpriv that cannot do it.
  const works = spawnSync(setpriv, [...watch.slice(1), 'true'], { stdio: 'ignore' }).status === 0;
  if (!works) return undefined;
  return [...watch, 'sh', '-c', '[ "$PPID" = "$0" ] || kill -KILL $$; exec "$@"', String(process.pid)];
}
