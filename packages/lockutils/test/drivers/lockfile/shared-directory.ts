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

/** Why there can be no {@link sshfsDirectory} here, or `undefined`. On CI that is an error. */
export function sshfsMissing(): string | undefined {
  const missing = [
    spawnSync('sshfs', ['--version']).error === undefined ? '' : 'the Debian package sshfs',
    existsSync(sftpServer) ? '' : 'the Debian package openssh-sftp-server',
    existsSync('/dev/fuse') ? '' : 'a system that permits FUSE',
  ].filter((what) => what !== '');
  if (missing.length === 0) return undefined;
  if (process.env.CI) throw new Error(`CI must have ${missing.join(' and ')}`);
  return `needs ${missing.join(' and ')}`;
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
