import { setLogger } from '@oslo-concurrency/core';
import { lock, synchronized } from '@oslo-concurrency/lockutils';

setLogger({ ...console, debug: (message) => console.log(message.replace(/\d+\.\d{3}s/, 'Ns')) });

const append = synchronized('ledger')(function append() {
  console.log('appended');
});
const appendNow = synchronized('ledger', { blocking: false })(function append_now() {
  console.log('never');
});

await append();
await lock('ledger', { doLog: false }, async () => {
  // oslo's returns None before oslo.concurrency 7.3, and raises since.
  await appendNow().catch(() => {});
});
