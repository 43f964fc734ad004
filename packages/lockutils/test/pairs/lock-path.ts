import { lock } from '@oslo-concurrency/lockutils';
import { work } from './work.js';

const lockPath = process.env.OSLO_LOCK_PATH ?? '';
await lock('volumes/7', { lockFilePrefix: 'cinder-', external: true, lockPath }, work);
