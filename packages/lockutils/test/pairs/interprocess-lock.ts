import { InterProcessLock } from '@oslo-concurrency/lockutils';
import { work } from './work.js';

const deploy = new InterProcessLock(`${process.env.OSLO_LOCK_PATH}/deploy.lock`);
if (await deploy.tryAcquire()) {
  work();
  await deploy.release();
}
await deploy.acquire({ timeout: 5000 });
work();
await deploy.release();
console.log(deploy.acquired ? 'acquired' : 'released');
