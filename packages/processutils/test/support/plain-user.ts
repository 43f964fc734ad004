import { chmodSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fixture } from './processes.js';

/** Whether a plain user with a `sudo` of no questions can be had: root with the Debian packages sudo and util-linux. */
export const plainUserIsPossible =
  process.getuid?.() === 0 && existsSync('/usr/bin/sudo') && existsSync('/usr/bin/setpriv');

if (!plainUserIsPossible && process.env.CI && process.getuid?.() === 0) {
  throw new Error('install the Debian packages sudo and util-linux');
}

/** The command line that runs a fixture as a plain user, who exists, and may use sudo, in a mount namespace only. */
export function asPlainUser(name: string, ...args: readonly string[]): string[] {
  const directory = mkdtempSync(join(tmpdir(), 'plain-user-'));
  const passwd = join(directory, 'passwd');
  const sudoers = join(directory, 'sudoers');
  writeFileSync(passwd, `${readFileSync('/etc/passwd', 'utf8')}guest-of-test:*:47110:47110::/:/bin/sh\n`);
  writeFileSync(sudoers, 'guest-of-test ALL=(ALL) NOPASSWD: ALL\n');
  chmodSync(sudoers, 0o440);
  const mounts = `mount --bind ${passwd} /etc/passwd && mount --bind ${sudoers} /etc/sudoers && exec "$@"`;
  const user = ['setpriv', '--reuid=47110', '--regid=47110', '--clear-groups'];
  return ['unshare', '-m', 'sh', '-c', mounts, 'sh', ...user, process.execPath, fixture(name), ...args];
}
