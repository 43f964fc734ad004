import { configure } from '@oslo-concurrency/core';
import { lock } from '@oslo-concurrency/lockutils';
import { work } from './work.js';

configure({ disableProcessLocking: true });
await lock('ledger', { external: true }, work);
