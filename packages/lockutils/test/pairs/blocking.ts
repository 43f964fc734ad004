import { AcquireLockFailedError, lock } from '@oslo-concurrency/lockutils';

await lock('ledger', { external: true }, async () => {
  try {
    await lock('ledger', { external: true, blocking: false }, () => console.log('never'));
  } catch (error) {
    if (!(error instanceof AcquireLockFailedError)) throw error;
    console.log(error.message);
  }
});
