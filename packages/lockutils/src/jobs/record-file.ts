import { lstatSync, readdirSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeCrypto, realTime } from '@oslo-concurrency/core';
import type { LeaseRecord } from '../drivers/lease-driver.js';
import { makeMeetingPlace } from '../lock-path/hidden-folder.js';
import { createFile } from '../lock-path/new-file.js';

/**
 * The record of a name in a lock path: a file below `.oslo-concurrency/once`, whose modification time is when it is
 * forgotten. Only the holder of the name's strict lock uses it, so a write needs no fence.
 *
 * A write is a rename of a complete file: after a crash the old text or the new one is there. Each write removes the
 * records whose time has passed.
 */
export function recordFile(lockPath: string, name: string): LeaseRecord {
  const hash = nodeCrypto().createHash('sha256').update(name).digest('hex');
  const folder = (): string => makeMeetingPlace(lockPath, 'once', 'records');
  return {
    async read() {
      const path = join(folder(), hash);
      const stat = lstatSync(path, { throwIfNoEntry: false });
      if (stat === undefined || !stat.isFile() || stat.mtimeMs < realTime.date()) return undefined;
      return readFileSync(path, 'utf8');
    },
    async write(text, keep) {
      const place = folder();
      const made = join(place, `new.${nodeCrypto().randomUUID()}`);
      try {
        createFile(lockPath, made);
        writeFileSync(made, text);
        const forgotten = new Date(realTime.date() + keep);
        utimesSync(made, forgotten, forgotten);
        renameSync(made, join(place, hash));
      } catch (error) {
        rmSync(made, { force: true });
        throw error;
      }
      forget(place);
      return true;
    },
  };
}

/** Removes what its time has passed, and what writers that died have left for an hour. */
function forget(folder: string): void {
  const now = realTime.date();
  for (const name of readdirSync(folder)) {
    try {
      const age = now - lstatSync(join(folder, name)).mtimeMs;
      if (age > (name.startsWith('new.') ? 3_600_000 : 0)) rmSync(join(folder, name));
    } catch {
      // Another process has removed it, or it belongs to a user whose files we may not remove.
    }
  }
}
