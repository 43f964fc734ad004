import { externalLock } from '@oslo-concurrency/lockutils';
import { work } from './work.js';

const ledger = externalLock('ledger', { lockFilePrefix: 'nova' });
await ledger.acquire(work);
console.log(ledger.acquired ? 'acquired' : 'released');
