import { lock } from '@oslo-concurrency/lockutils';
import { work } from './work.js';

await lock('ledger', { external: true, delay: 5 }, work);
