import {
  cleanLocks,
  externalLock,
  InterProcessLock,
  InterProcessReaderWriterLock,
  internalLock,
  lease,
  listLocks,
  lock,
  lockSync,
  removeExternalLockFile,
  synchronized,
  synchronizedSync,
} from '@oslo-concurrency/lockutils';
import { lockfileLeaseDriver } from '@oslo-concurrency/lockutils/drivers';
import { expect, it } from 'vitest';
import { acquireAll } from '../../dist/index.js';

const driver = lockfileLeaseDriver({ lockPath: '/nowhere' });
/** As from JavaScript, which no compiler has looked at. */
const untyped = (value: unknown): never => value as never;

const calls: [what: string, wrong: string, right: string, call: (options: never) => unknown][] = [
  ['lock', 'externl', 'external', (options) => lock('x', options)],
  ['lock with a function', 'timout', 'timeout', (options) => lock('x', options, () => {})],
  ['lockSync', 'lockpath', 'lockPath', (options) => lockSync('x', options)],
  ['acquireAll', 'permit', 'permits', (options) => acquireAll(['x'], options)],
  ['synchronized', 'blockng', 'blocking', (options) => synchronized('x', options)],
  ['synchronizedSync', 'extrenal', 'external', (options) => synchronizedSync('x', options)],
  ['removeExternalLockFile', 'lockPth', 'lockPath', (options) => removeExternalLockFile('x', options)],
  ['an object’s acquire', 'timeOut', 'timeout', (options) => internalLock('x').acquire(options)],
  ['a file’s readLock', 'singal', 'signal', (options) => new InterProcessReaderWriterLock('/x/y').readLock(options)],
  ['InterProcessLock', 'lable', 'label', (options) => new InterProcessLock('/x/y', options)],
  ['externalLock', 'lockpath', 'lockPath', (options) => externalLock('x', options)],
  ['listLocks', 'lockpath', 'lockPath', (options) => listLocks(options)],
  ['cleanLocks', 'dryrun', 'dryRun', (options) => cleanLocks(options)],
  [
    'lease',
    'renewevery',
    'renewEvery',
    (options) => lease('x', untyped({ driver, ttl: 1000, ...(options as object) })),
  ],
  ['upgrade', 'timeot', 'timeout', async (options) => lock('x', { shared: true }, (held) => held.upgrade(options))],
];

it.each(calls)('%s: the option %s is unknown, and %s is suggested', async (_what, wrong, right, call) => {
  await expect((async () => call(untyped({ [wrong]: true })))()).rejects.toMatchObject({
    code: 'ERR_INVALID_OPTION',
    option: 'options',
    message: `Unknown option '${wrong}'. Did you mean '${right}'?`,
  });
});

it('an option of lock() that no single call of a lock object can choose is named as that', async () => {
  const call = async () => internalLock('x').acquire(untyped({ external: true }));
  await expect(call()).rejects.toThrow(
    'without external, which is fixed for this lock and cannot differ between calls',
  );
});
