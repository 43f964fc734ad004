import { lock } from '@oslo-concurrency/lockutils';
import { work } from './work.js';

await lock('ledger', { lockFilePrefix: 'nova', external: true }, work);
