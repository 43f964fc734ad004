import { lock } from '@oslo-concurrency/lockutils';

export function acquire({ name, lockPath, signal }) {
  return lock(name, { external: true, lockPath, signal });
}
