import { lease } from '@oslo-concurrency/lockutils';
import { etcdLeaseDriver } from '@oslo-concurrency/lockutils-etcd';

const driver = etcdLeaseDriver({ endpoints: ['http://127.0.0.1:9'] });
const code = await lease('smoke', { driver, ttl: 10_000, blocking: false }, () => {}).catch((error) => error.code);
if (code !== 'ERR_ETCD_UNREACHABLE') throw new Error(`a closed port gave ${code}`);
console.log('works, as far as can be seen without etcd');
