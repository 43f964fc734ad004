import { existsSync } from 'node:fs';
import { checkHistory, useLockDir } from '@oslo-concurrency/fixture';

const locks = useLockDir();
const { path } = locks;
if (!existsSync(path)) throw new Error('there is no directory');
locks.cleanUp();
if (existsSync(path)) throw new Error('the directory is still there');
if (typeof checkHistory !== 'function') throw new Error('checkHistory is missing');
console.log('works');
