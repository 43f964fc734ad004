/** @jest-environment node */
// Under jsdom commands do not run: execa needs the globals of Node.
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { execute } from '@oslo-concurrency/processutils';

describe.each([['timers of Node'], ['fake timers']])('with %s', (timers) => {
  beforeAll(() => {
    if (timers === 'fake timers') jest.useFakeTimers();
  });
  afterAll(() => jest.useRealTimers());

  test('processutils runs a command, and ends one that is too late', async () => {
    expect(await execute('/bin/echo', ['hi'])).toMatchObject({ stdout: 'hi\n' });
    await expect(execute('/bin/sleep', ['5'], { timeout: 100 })).rejects.toMatchObject({ name: 'ProcessTimeoutError' });
  });
});
