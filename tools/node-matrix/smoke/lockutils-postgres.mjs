import { lease } from '@oslo-concurrency/lockutils';
import { postgresLeaseDriver } from '@oslo-concurrency/lockutils-postgres';

const driver = postgresLeaseDriver({ url: 'postgres://nobody@127.0.0.1:9/none' });
const code = await lease('smoke', { driver, ttl: 10_000, blocking: false }, () => {}).catch((error) => error.code);
if (code !== 'ERR_POSTGRES_UNREACHABLE') throw new Error(`a closed port gave ${code}`);
console.log('works, as far as can be seen without Postgres');
