import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const sftpServer = '/usr/lib/openssh/sftp-server';

/** One directory as two machines see it. */
export interface SharedDirectory {
  readonly views: readonly [string, string];
  close(): void;
}

/** Both machines see the directory itself. */
export function localDirectory(): SharedDirectory {
  const directory = mkdtempSync(join(tmpdir(), 'lock-path-'));
  return { views: [directory, directory], close: () => rmSync(directory, { recursive: true, force: true }) };
}

/** Why there can be no {@link sshfsDirectory} here, or `undefined`. On CI a missing package is an error. */
export function sshfsMissing(): string | undefined {
  const missing = [
    spawnSync('sshfs', ['--version']).error === undefined ? '' : 'sshfs',
    existsSync(sftpServer) ? '' : 'openssh-sftp-server',
  ].filter((name) => name !== '');
  if (missing.length > 0) {
    const need = `needs the Debian package ${missing.join(' and ')}`;
    if (process.env.CI) throw new Error(`CI ${need}`);
    return need;
  }
  if (!existsSync('/dev/fuse')) return 'needs a system that permits FUSE';
  try {
    sshfsDirectory().close();
    return undefined;
  } catch (error) {
    return `needs a system that permits FUSE: ${(error as Error).message}`;
  }
}

/** Each machine has a mount of its own, by SFTP, with sshfs's caches as they come. */
export function sshfsDirectory(): SharedDirectory {
  const directory = mkdtempSync(join(tmpdir(), 'sshfs-'));
  const [backing, server] = [join(directory, 'backing'), join(directory, 'server')];
  mkdirSync(backing);
  // In the place of ssh: the same protocol with the same server program, without a daemon and its keys.
  writeFileSync(server, `#!/bin/sh\nexec ${sftpServer}\n`);
  chmodSync(server, 0o755);
  const views = [join(directory, 'one'), join(directory, 'two')] as const;
  for (const view of views) {
    mkdirSync(view);
    execFileSync('sshfs', ['-o', `ssh_command=${server}`, `localhost:${backing}`, view]);
  }
  return {
    views,
    close() {
      for (const view of views) execFileSync('fusermount3', ['-u', view]);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
