import { accessSync, constants, lstatSync, readFileSync, type Stats, statSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { type AccessFacts, LockFileAccessError } from '../errors/lock-file-errors.js';
import { modeIn, type Rights } from './rights.js';

/** Whether this user may enter a directory, and create and remove entries in it. */
export function mayChange(directory: string): boolean {
  return !isBlocked(directory);
}

/**
 * The error for `path` in `lockPath`, or for the file named by the system's error there, if this user may not use it.
 * The error names what denies access and the remedy.
 */
export function accessDenied(lockPath: string, path: string, cause: NodeJS.ErrnoException): LockFileAccessError {
  const named = cause.path?.startsWith(`${lockPath}${sep}`) === true ? cause.path : path;
  try {
    return new LockFileAccessError(path, cause, factsOf(lockPath, named));
  } catch {
    // The file that denies access is gone, or it cannot be examined either.
    return new LockFileAccessError(path, cause);
  }
}

function factsOf(lockPath: string, path: string): AccessFacts | undefined {
  const directory = statSync(lockPath);
  const blockedAt = pathsBetween(lockPath, path).find(isBlocked) ?? path;
  const stats = blockedAt === lockPath ? directory : lstatSync(blockedAt, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  return {
    blockedAt,
    owner: nameOf(stats.uid, '/etc/passwd'),
    group: nameOf(stats.gid, '/etc/group'),
    mode: digitsOf(stats.mode),
    remedy: blockedAt === lockPath ? toJoin(lockPath, directory) : remedyFor(blockedAt, stats, lockPath, directory),
  };
}

// The lock path first, then each folder on the path, and finally the file.
function pathsBetween(lockPath: string, path: string): string[] {
  const paths = [lockPath];
  let reached = lockPath;
  for (const name of relative(lockPath, path).split(sep)) {
    reached = join(reached, name);
    paths.push(reached);
  }
  return paths;
}

function isBlocked(path: string): boolean {
  try {
    const isFolder = lstatSync(path).isDirectory();
    accessSync(path, constants.R_OK | constants.W_OK | (isFolder ? constants.X_OK : 0));
    return false;
  } catch (error) {
    return ['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '');
  }
}

function remedyFor(path: string, found: Stats, lockPath: string, directory: Stats): string {
  const commands = commandsFor(path, found, directory);
  if (commands.length > 0) return `As its owner or as root: ${commands.join(' && ')}`;
  if (isSticky(dirname(path))) {
    return `Its directory is sticky, so only its owner, the owner of ${dirname(path)} and root may move or remove it: run lockutils clean as one of them, with --lock-path ${lockPath}`;
  }
  return toJoin(lockPath, directory);
}

// The commands that give it the rights of the lock path.
function commandsFor(path: string, found: Stats, directory: Stats): string[] {
  const mode = modeIn(directory, found.isDirectory() ? 'folder' : 'file');
  const commands: string[] = [];
  const sameGroup = found.gid === directory.gid;
  // If the group has the same rights as everybody, it does not matter which group it is.
  const groupMatters = ((directory.mode >> 3) & 7) !== (directory.mode & 7);
  const forOwnerOnly = (directory.mode & 0o020) === 0 && found.uid !== directory.uid;
  if (forOwnerOnly || isOwnerOutside(directory, found))
    commands.push(`chown ${nameOf(directory.uid, '/etc/passwd')} ${quoted(path)}`);
  if (!sameGroup && groupMatters) commands.push(`chgrp ${nameOf(directory.gid, '/etc/group')} ${quoted(path)}`);
  if ((found.mode & 0o777) !== (mode & 0o777)) commands.push(`chmod ${digitsOf(mode)} ${quoted(path)}`);
  return commands;
}

// The owner of the lock path need not be a member of its group.
function isOwnerOutside(directory: Rights, found: Rights): boolean {
  const user = process.geteuid?.();
  if (user !== directory.uid || found.uid === user) return false;
  return process.getegid?.() !== directory.gid && process.getgroups?.().includes(directory.gid) !== true;
}

function toJoin(lockPath: string, directory: Stats): string {
  const owner = nameOf(directory.uid, '/etc/passwd');
  const group = nameOf(directory.gid, '/etc/group');
  const whose = `The lock path ${lockPath} belongs to ${owner}:${group} with mode ${digitsOf(directory.mode)}`;
  if ((directory.mode & 0o020) === 0) return `${whose}, so only ${owner} can lock in it`;
  const user = nameOf(process.geteuid?.() ?? 0, '/etc/passwd');
  return `${whose}; let this user take part as root: usermod -aG ${group} ${user}`;
}

function isSticky(folder: string): boolean {
  return (statSync(folder).mode & 0o1000) !== 0;
}

function digitsOf(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}

function quoted(path: string): string {
  return /^[\w./@%+=:,-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

// If the id has no name, the number is used, as `ls -l` does.
function nameOf(id: number, table: string): string {
  try {
    for (const line of readFileSync(table, 'utf8').split('\n')) {
      const [name, , number] = line.split(':');
      if (name !== undefined && name !== '' && number === String(id)) return name;
    }
  } catch {
    // This system has no such table.
  }
  return String(id);
}
