import { statfsSync } from 'node:fs';
import { NetworkFileSystemError } from '../errors/lock-path-errors.js';

// f_type of statfs(2), from linux/magic.h and the list of GNU stat. FUSE is sshfs, virtiofs (folders of the host in a
// virtual machine), mergerfs and many more; the file system behind it is not visible from here.
const networkFileSystems: ReadonlyMap<number, string> = new Map([
  [0x6969, 'nfs'],
  [0xff534d42, 'cifs'],
  [0xfe534d42, 'smb2'],
  [0x517b, 'smb'],
  [0x65735546, 'fuse'],
  [0x01021997, '9p'],
  [0x00c36400, 'ceph'],
  [0x0bd00bd0, 'lustre'],
  [0x01161970, 'gfs2'],
  [0x7461636f, 'ocfs2'],
  [0x47504653, 'gpfs'],
  [0x19830326, 'beegfs'],
  [0x20030528, 'orangefs'],
  [0x5346414f, 'afs'],
  [0x6b414653, 'afs'],
  [0x73757245, 'coda'],
  [0x564c, 'ncp'],
  [0x786f4256, 'vboxsf'],
  [0xbacbacbc, 'vmhgfs'],
  [0x7c7c6673, 'prl_fs'],
  [0xaad7aaea, 'panfs'],
  [0x61636673, 'acfs'],
  [0xbeefdead, 'snfs'],
  [0x013111a8, 'ibrix'],
]);

const local = new Set<string>();

/**
 * The name of the network file system that contains `directory`, or `undefined`. Known on Linux, and for UNC paths on
 * Windows.
 */
export function networkFileSystemOf(directory: string): string | undefined {
  if (process.platform === 'win32') return /^[\\/]{2}[^.?\\/]/.test(directory) ? 'network share' : undefined;
  if (process.platform !== 'linux') return undefined;
  return networkFileSystemOfType(statfsSync(directory).type);
}

/** The name of the network file system with this number, as statfs(2) reports it on Linux, or `undefined`. */
export function networkFileSystemOfType(type: number): string | undefined {
  // Some numbers have the sign bit set and arrive as negative numbers where f_type has 32 bits.
  return networkFileSystems.get(type >>> 0);
}

/** Makes {@link refuseNetworkFileSystem} check again: something else may be mounted on `directory` by now. */
export function forgetFileSystem(directory: string): void {
  local.delete(directory);
}

/**
 * Throws if `directory` is on a network file system, unless `allow` is given. Checks once per directory and process.
 *
 * @throws NetworkFileSystemError, or the system's error if the file system cannot be determined.
 */
export function refuseNetworkFileSystem(directory: string, allow: boolean): void {
  if (allow || local.has(directory)) return;
  const found = networkFileSystemOf(directory);
  if (found !== undefined) throw new NetworkFileSystemError(directory, found);
  if (local.size >= 1000) local.clear();
  local.add(directory);
}

/**
 * Whether `directory` is certainly on a local file system; known on Linux. Checks once per directory and process, as
 * {@link refuseNetworkFileSystem} does.
 */
export function isOnLocalFileSystem(directory: string): boolean {
  if (process.platform !== 'linux') return false;
  try {
    refuseNetworkFileSystem(directory, false);
    return true;
  } catch {
    return false;
  }
}
