import { lock } from '@oslo-concurrency/lockutils';

/** The lock of src/ledger.mjs, for contenders. */
export function acquire({ name, lockPath, signal }) {
  return lock(name, { external: true, lockPath, signal });
}
