import { synchronizedWithPrefix } from '@oslo-concurrency/lockutils';
import { work } from './work.js';

const synchronized = synchronizedWithPrefix('nova-');
const append = synchronized('ledger', { external: true })(() => work());
await append();
