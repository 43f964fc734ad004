import { FairLocks } from '@oslo-concurrency/lockutils';

const locks = new FairLocks();
await locks.get('cache').writeLock(() => {
  console.log(locks.get('cache').owner, locks.get('other').owner ?? 'nobody');
});
