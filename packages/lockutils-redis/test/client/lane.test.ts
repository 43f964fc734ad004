import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Connection } from '../../src/client/connection.js';
import { Lane } from '../../src/client/lane.js';

const script = { text: '', sha: '' } as never;

test('the time in which the client is loaded does not count against the server', async () => {
  const timeout = 400;
  const connection = { open: true, runKnown: async () => ['answer'], onEnd() {}, destroy() {} };
  const lane = new Lane(
    {
      endpoint: 'here',
      secure: false,
      open() {
        // As `require` does. Less than the whole time: after that it would be given again.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, timeout * 0.9);
        return sleep(timeout / 2).then(() => connection as unknown as Connection);
      },
    },
    timeout,
  );
  expect(await lane.run({ script, keys: [], args: [] }, { timeout })).toEqual(['answer']);
  lane.close();
});
