import { randomUUID } from 'node:crypto';
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
import { realTime } from '@oslo-concurrency/core';
import { LockDriverMismatchError } from '../errors.js';
import { hiddenFolder, makeHiddenFolder } from './hidden-folder.js';
import { giveFileRights } from './new-file.js';
import { giveFolderRights, modeIn, placeBeside, type Rights, rightsOf } from './rights.js';

const explanation = `The locks in the folder above this one are made by the driver that this file is named after.
Two drivers do not see each other's locks, so @oslo-concurrency/lockutils refuses any other one here.
`;

const safeFolders = new Set<string>();

/**
 * Marks `directory` as a lock path of this driver, or throws when it is another one's. Costs one look (1.5 us) later on.
 *
 * The marker is the folder `.oslo-concurrency/driver` with one file in it, named after the driver. It is made complete
 * under another name and then renamed: a rename onto a folder that is not empty fails, so of two drivers that come at
 * the same time one wins and the other sees who did, and a crash at any point leaves either no marker or a whole one.
 *
 * @throws LockDriverMismatchError, or the system's error when there is no marker and none can be made.
 */
export function claimLockPath(directory: string, driverName: string): void {
  const marker = join(directory, hiddenFolder, 'driver');
  const file = encodeURIComponent(driverName);
  if (safeFolders.has(directory) && existsSync(join(marker, file))) return;
  makeHiddenFolder(directory);
  const found = readMarker(marker);
  if (found === undefined) createMarker(directory, marker, file);
  const markedWith = found ?? readMarker(marker);
  if (markedWith !== file) {
    throw new LockDriverMismatchError(directory, driverName, decodeURIComponent(markedWith ?? 'unknown'), marker);
  }
  if (safeFolders.size >= 1000) safeFolders.clear();
  safeFolders.add(directory);
}

/**
 * Keeps the marker from being removed as an old file while locks are held: gone, another driver could be let in. Only its
 * owner may set its times; others read it, which changes the time of the last access, on most mounts once a day.
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
    // Not there, or not ours to read: claimLockPath says so to whoever locks next.
  }
}

/** The driver a lock path is marked with, or `undefined` when it is not marked. */
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
  const prepared = join(directory, hiddenFolder, `driver.${randomUUID()}`);
  const rights = rightsOf(directory);
  try {
    mkdirSync(prepared, modeIn(rights, 'marker'));
    // While it is empty: of one that is not, root could not be sure that it made it.
    const real = giveFolderRights(prepared, rights, 'marker');
    writeNew(join(prepared, file), rights);
    placeBeside(real, marker, (placed) => renameSync(prepared, placed));
  } catch (error) {
    rmSync(prepared, { recursive: true, force: true });
    // Not empty: somebody else's marker came first, and is read next. Windows says EPERM.
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
