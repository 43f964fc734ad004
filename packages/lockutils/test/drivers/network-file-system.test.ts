import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { networkFileSystemOf, refuseNetworkFileSystem } from '../../build/drivers/network-file-system.js';

describe('G20 a lock path on a network file system', () => {
  test('is told from a local one', () => {
    const directory = mkdtempSync(join(tmpdir(), 'lock-path-'));
    expect(networkFileSystemOf(directory)).toBeUndefined();
    refuseNetworkFileSystem(directory, false);
    rmdirSync(directory);
  });

  test.runIf(process.platform === 'linux')('that cannot be looked at is refused', () => {
    expect(() => refuseNetworkFileSystem('/nonexistent', false)).toThrow('ENOENT');
    refuseNetworkFileSystem('/nonexistent', true);
  });
});
