import { internalFairLock } from '@oslo-concurrency/lockutils';

await internalFairLock('cache').writeLock(() => {
  console.log(internalFairLock('cache').owner);
});
