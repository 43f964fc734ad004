import { lock } from '@oslo-concurrency/lockutils';
import { work } from './work.js';

const held = await lock('ledger');
work();
await held.release();
