import { lease } from '@oslo-concurrency/lockutils';
import { redisLeaseDriver } from '@oslo-concurrency/lockutils-redis';

const driver = redisLeaseDriver({ url: 'redis://127.0.0.1:9' });
const code = await lease('smoke', { driver, ttl: 10_000, blocking: false }, () => {}).catch((error) => error.code);
if (code !== 'ERR_REDIS_UNREACHABLE') throw new Error(`a closed port gave ${code}`);
console.log('works, as far as can be seen without Redis');
