import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  forgetFileSystem,
  isOnLocalFileSystem,
  networkFileSystemOf,
  networkFileSystemOfType,
  refuseNetworkFileSystem,
} from '../../build/lock-path/network-file-system.js';

describe('G20 a lock path on a network file system', () => {
  test('is told from a local one', () => {
    const directory = mkdtempSync(join(tmpdir(), 'lock-path-'));
    expect(networkFileSystemOf(directory)).toBeUndefined();
    refuseNetworkFileSystem(directory, false);
    rmdirSync(directory);
  });

  test.each([
    [0xff534d42, 'cifs'],
    [0xfe534d42, 'smb2'],
    [0x6969, 'nfs'],
    [0x65735546, 'fuse'],
  ])('is known by its number %i, also where that comes with the sign bit: %s', (type, name) => {
    expect([networkFileSystemOfType(type), networkFileSystemOfType(type | 0)]).toEqual([name, name]);
  });

  test.each([0x01021994, 0xef53, 0x58465342, 0x9123683e, 0])('is not one with the number %i of a local one', (type) => {
    expect(networkFileSystemOfType(type)).toBeUndefined();
  });

  test.runIf(process.platform === 'linux')('is looked at again when it was forgotten', () => {
    const directory = mkdtempSync(join(tmpdir(), 'lock-path-'));
    refuseNetworkFileSystem(directory, false);
    rmdirSync(directory);
    refuseNetworkFileSystem(directory, false);
    forgetFileSystem(directory);
    expect(() => refuseNetworkFileSystem(directory, false)).toThrow('ENOENT');
  });

  test.runIf(process.platform === 'linux')('that cannot be looked at is refused', () => {
    expect(() => refuseNetworkFileSystem('/nonexistent', false)).toThrow('ENOENT');
    refuseNetworkFileSystem('/nonexistent', true);
  });

  test.runIf(process.platform === 'linux')('is not taken for a local one, nor is one that cannot be looked at', () => {
    const directory = mkdtempSync(join(tmpdir(), 'lock-path-'));
    expect(isOnLocalFileSystem(directory)).toBe(true);
    rmdirSync(directory);
    forgetFileSystem(directory);
    expect(isOnLocalFileSystem(directory)).toBe(false);
  });
});
