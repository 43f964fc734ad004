import assert from 'node:assert/strict';
import { configure, getLockPath, InvalidOptionError, isConcurrencyError, watch } from '@oslo-concurrency/core';

configure({ lockPath: '/run/locks' });
assert.equal(getLockPath(), '/run/locks');
const heard: string[] = [];
const logger = { debug: (text: string) => void heard.push(text), info: () => {}, warn: () => {}, error: () => {} };
await watch(logger, 'a job', { after: 1 }, () => new Promise((resolve) => setTimeout(resolve, 50)));
assert.match(heard[0] ?? '', /^a job not completed after 0\.0\d\ds$/);
assert.throws(
  () => configure({ lockPath: '' }),
  (error) => error instanceof InvalidOptionError && isConcurrencyError(error, 'ERR_INVALID_OPTION'),
);
console.log('done');
