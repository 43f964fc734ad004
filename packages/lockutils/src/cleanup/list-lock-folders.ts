import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { hiddenFolder } from '../drivers/hidden-folder.js';
import { seatsName } from '../drivers/lockfile/lock-paths.js';
import { lockfileDriver } from '../drivers/lockfile/lockfile-driver.js';
import type { LockStatus } from './lock-status.js';

/** Lists the locks of the lockfile driver. A free one leaves nothing behind, so only those that are held are found. */
export async function listLockFolders(directory: string): Promise<LockStatus[]> {
  const driver = lockfileDriver();
  const found: LockStatus[] = [];
  const held = join(directory, hiddenFolder, 'lockfile', 'held');
  for (const name of existsSync(held) ? readdirSync(held) : []) {
    const lockFile = join(directory, name);
    const holders = await driver.holders({ name, path: lockFile, shared: false, permits: undefined, label: undefined });
    const stats = statSync(join(held, name), { throwIfNoEntry: false });
    if (stats === undefined) continue;
    const together = existsSync(join(held, name, seatsName));
    const since = holders.flatMap((holder) => holder.since?.getTime() ?? []);
    found.push({
      name,
      lockFile,
      state: holders.length === 0 ? 'free' : together ? 'shared' : 'held',
      holders,
      permits: holders.find((holder) => holder.permits !== undefined)?.permits,
      waiters: undefined,
      // The clock may have been set back since.
      ageMs: since.length === 0 ? undefined : Math.max(0, Date.now() - Math.min(...since)),
      lastUsed: stats.mtime,
      abandonedBy: undefined,
    });
  }
  return found;
}
