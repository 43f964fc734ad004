import { setLogger } from '@oslo-concurrency/core';
import { lock } from '@oslo-concurrency/lockutils';

setLogger(console);
await lock('ledger', { external: true }, () => console.log('logged'));
await lock('ledger', { external: true, doLog: false }, () => console.log('not logged'));
