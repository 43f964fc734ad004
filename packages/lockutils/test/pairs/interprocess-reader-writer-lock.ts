import { InterProcessReaderWriterLock } from '@oslo-concurrency/lockutils';
import { work } from './work.js';

const index = new InterProcessReaderWriterLock(`${process.env.OSLO_LOCK_PATH}/index`);
await index.readLock(work);
await index.acquireWriteLock();
work();
await index.releaseWriteLock();
