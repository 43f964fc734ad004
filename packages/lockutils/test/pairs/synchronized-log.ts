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
  // oslo's returns None as if the function had run.
  await appendNow().catch(() => {});
});
