import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { nodeCrypto, realTime } from '@oslo-concurrency/core';
import { LockDriverMismatchError } from '../errors/lock-path-errors.js';
import { hiddenFolder, makeHiddenFolder, notADirectory, whileFoldersAppear } from './hidden-folder.js';
import { giveFileRights } from './new-file.js';
import { placeBeside } from './real-path.js';
import { giveFolderRights, modeIn, type Rights, rightsOf } from './rights.js';

const explanation = `The locks in the folder above this one are made by the driver that this file is named after.
Two drivers do not see each other's locks, so @oslo-concurrency/lockutils refuses any other one here.
`;

const safeFolders = new Set<string>();

/**
 * Marks `directory` as a lock path of this driver, or throws if it is marked with another one. Later calls cost one
 * file check (1.5 us).
 *
 * The marker is the folder `.oslo-concurrency/driver` with one file in it, named after the driver. It is completed
 * under another name and then renamed. A rename onto a folder that is not empty fails. So if two drivers arrive at the
 * same time, one wins and the other sees which. A crash at any point leaves either no marker or a complete one.
 *
 * @throws LockDriverMismatchError, or the system's error if there is no marker and none can be created.
 */
export function claimLockPath(directory: string, driverName: string): void {
  const marker = join(directory, hiddenFolder, 'driver');
  const file = encodeURIComponent(driverName);
  if (safeFolders.has(directory) && existsSync(join(marker, file))) return;
  const markedWith = whileFoldersAppear(directory, () => {
    makeHiddenFolder(directory);
    if (readMarker(marker) === undefined) createMarker(directory, marker, file);
    const found = readMarker(marker);
    // Somebody has removed it since, or the folder in which it was to be.
    if (found === undefined) throw notADirectory(marker);
    return found;
  });
  if (markedWith !== file) {
    throw new LockDriverMismatchError(directory, driverName, decodeURIComponent(markedWith), marker);
  }
  if (safeFolders.size >= 1000) safeFolders.clear();
  safeFolders.add(directory);
}

/**
 * Keeps cleaners of old files from removing the marker while locks are held: without the marker, another driver could
 * use the lock path. Only the marker's owner may set its times. Other users read it instead, which changes the time of
 * the last access, on most mounts once a day.
 */
export function keepMarkerYoung(directory: string): void {
  const marker = join(directory, hiddenFolder, 'driver');
  const now = realTime.date() / 1000;
  try {
    const [file] = readdirSync(marker);
    if (file === undefined) return;
    try {
      utimesSync(join(marker, file), now, now);
    } catch {
      readFileSync(join(marker, file));
    }
  } catch {
    // The marker is missing or not readable for us: claimLockPath reports that to the next caller that locks.
  }
}

/** The driver that a lock path is marked with, or `undefined` if it is not marked. */
export function markedDriver(directory: string): string | undefined {
  const file = readMarker(join(directory, hiddenFolder, 'driver'));
  return file === undefined ? undefined : decodeURIComponent(file);
}

function readMarker(marker: string): string | undefined {
  try {
    return readdirSync(marker)[0];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function createMarker(directory: string, marker: string, file: string): void {
  const prepared = join(directory, hiddenFolder, `driver.${nodeCrypto().randomUUID()}`);
  const rights = rightsOf(directory);
  try {
    mkdirSync(prepared, modeIn(rights, 'marker'));
    // The folder gets its rights while it is empty: for a folder that is not empty, root could not be sure that this
    // process created it.
    const real = giveFolderRights(prepared, rights, 'marker');
    writeNew(join(prepared, file), rights);
    // If the folder is gone, or is elsewhere by now, nothing is renamed: then the caller finds no marker.
    placeBeside(real, marker, (placed) => renameSync(prepared, placed));
  } catch (error) {
    rmSync(prepared, { recursive: true, force: true });
    // The folder is not empty: another process's marker came first, and is read next. Windows reports EPERM.
    if (readMarker(marker) === undefined) throw error;
  }
}

function writeNew(path: string, rights: Rights): void {
  const fd = openSync(path, 'wx', modeIn(rights, 'file of the marker'));
  try {
    giveFileRights(fd, path, rights, 'file of the marker');
    writeSync(fd, explanation);
  } finally {
    closeSync(fd);
  }
}
