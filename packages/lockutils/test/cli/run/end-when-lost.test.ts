import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startChild } from '../../../build/cli/child/child-command.js';
import { endWhenLost } from '../../../build/cli/run/end-when-lost.js';
import { lockDirectory } from '../../support/lock-directory.js';

it.runIf(process.platform === 'linux')('endWhenLost sends SIGTERM, and SIGKILL only much later', async () => {
  using directory = lockDirectory();
  const script = `trap 'exit 9' TERM; : > "$0"; while :; do sleep 0.02; done`;
  const ready = join(directory.path, 'ready');
  const child = startChild({ file: 'sh', args: ['-c', script, ready] });
  await expect.poll(() => existsSync(ready)).toBe(true);
  const loss = new AbortController();
  // SIGKILL comes after two thirds of the margin, however long a busy machine keeps the shell from its trap.
  const claim = { env: {}, descriptors: [], lost: loss.signal, margin: 60_000, release: async () => {} };
  const stopWatching = endWhenLost(claim, child);
  loss.abort();
  expect(await child.ended).toEqual({ status: 9 });
  await stopWatching();
});
