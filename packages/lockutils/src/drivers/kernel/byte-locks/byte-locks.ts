/** Locks on bytes of a file, which belong to an open file description: `fcntl(F_OFD_SETLK)` on Linux. */
export interface ByteLocks {
  /** Locks bytes of the file that `fd` is open on; `false` if another lock is in the way. */
  tryLock(fd: number, offset: number, length: number, shared: boolean): boolean;
  unlock(fd: number, offset: number, length: number): void;
}
