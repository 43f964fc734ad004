import { existsSync } from 'node:fs';
import { lock, removeExternalLockFile } from '@oslo-concurrency/lockutils';

await lock('ledger', { external: true }, () => {});
console.log(Number(existsSync(`${process.env.OSLO_LOCK_PATH}/ledger`)));
await removeExternalLockFile('ledger');
console.log(Number(existsSync(`${process.env.OSLO_LOCK_PATH}/ledger`)));
