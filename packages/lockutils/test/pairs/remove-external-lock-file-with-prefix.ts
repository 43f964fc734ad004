import { lock, removeExternalLockFileWithPrefix } from '@oslo-concurrency/lockutils';
import { work } from './work.js';

const cleanUp = removeExternalLockFileWithPrefix('nova');
await lock('ledger', { lockFilePrefix: 'nova', external: true }, work);
await lock('ledger', { lockFilePrefix: 'cinder', external: true }, work);
await cleanUp('ledger');
