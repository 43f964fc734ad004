import { InterProcessLock } from '@oslo-concurrency/lockutils';
import { work } from './work.js';

const deploying = new InterProcessLock(`${process.env.OSLO_LOCK_PATH}/deploy.lock`);
const deploy = (version: string) =>
  deploying.acquire(() => {
    work();
    return `deployed ${version}`;
  });

console.log(await deploy('7'));
