import { AcquireLockFailedError, lock } from '@oslo-concurrency/lockutils';

await lock('ledger', { external: true }, async () => {
  try {
    await lock('ledger', { external: true, blocking: false }, () => console.log('never'));
  } catch (error) {
    if (!(error instanceof AcquireLockFailedError)) throw error;
    // The message begins with oslo's and then names the holder.
    console.log(error.message.replace(/: held by .*/, ''));
  }
});
