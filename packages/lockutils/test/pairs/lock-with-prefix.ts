import { lockWithPrefix } from '@oslo-concurrency/lockutils';
import { work } from './work.js';

const lock = lockWithPrefix('nova');
await lock('ledger', { external: true }, work);
