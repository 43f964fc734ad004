import { internalLock } from '@oslo-concurrency/lockutils';

await internalLock('cache').acquire(async () => {
  console.log('held');
  try {
    await internalLock('cache').acquire({ blocking: false }, () => console.log('never'));
  } catch (error) {
    console.log((error as Error).message);
  }
});
