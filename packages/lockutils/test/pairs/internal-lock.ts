import { internalLock } from '@oslo-concurrency/lockutils';

await internalLock('cache').acquire(async () => {
  console.log('held');
  try {
    await internalLock('cache').acquire({ blocking: false }, () => console.log('never'));
  } catch (error) {
    // The message begins with oslo's and then names the holder.
    console.log((error as Error).message.replace(/: held by .*/, ''));
  }
});
