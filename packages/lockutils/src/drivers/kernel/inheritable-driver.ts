import type { LockDriver } from '../driver.js';
import { kernelDriver } from './driver.js';
import { hiddenPath } from './lock-paths.js';
import { seatKinds } from './seats.js';
import { defaultKernelSystem, type KernelSystem } from './system.js';

/** A driver whose locks another process can inherit. */
export interface InheritableDriver {
  readonly driver: LockDriver;
  /** The descriptors that make the lock on this file. From now on the release closes them and does not unlock them. */
  handOver(lockFile: string): readonly number[];
}

/**
 * The kernel driver, with a record of the descriptors that are open on the files that make a lock: its lock file and
 * its holders' seats. A command that inherits these descriptors holds the lock with us and after us, as with flock(1):
 * the lock belongs to the open file description, which lasts until its last descriptor is closed.
 */
export function inheritableKernelDriver(): InheritableDriver {
  const open = new Map<number, string>();
  const handedOver = new Set<number>();
  const system: KernelSystem = {
    ...defaultKernelSystem,
    openSync(path, flags, mode) {
      const fd = defaultKernelSystem.openSync(path, flags, mode);
      open.set(fd, String(path));
      return fd;
    },
    closeSync(fd) {
      open.delete(fd);
      handedOver.delete(fd);
      defaultKernelSystem.closeSync(fd);
    },
    // Unlocking would end the lock for every process that shares the open file description.
    unlock(fd, offset, length) {
      if (!handedOver.has(fd)) defaultKernelSystem.unlock(fd, offset, length);
    },
  };
  return {
    driver: kernelDriver({ system }),
    handOver(lockFile) {
      const files = [lockFile, ...seatKinds.map((kind) => hiddenPath(lockFile, kind))];
      for (const [fd, path] of open) if (files.includes(path)) handedOver.add(fd);
      return [...handedOver];
    },
  };
}
