// What lead, oncePer and leaseAll promise on one machine, and on files that machines share.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, test } from 'vitest';
import { jobPromises } from '../../../../job-promises.js';

const lockPath = mkdtempSync(join(tmpdir(), 'job-promises-'));
afterAll(() => rmSync(lockPath, { recursive: true, force: true }));

describe.concurrent('on the kernel driver', () => {
  for (const { title, run } of jobPromises({ lockPath: () => lockPath })) test(title, run);
});

describe.concurrent('on files that several machines share', () => {
  const module = new URL('../fixtures/lockfile-lease-driver.mjs', import.meta.url);
  const subject = { module, options: () => ({ lockPath, distant: true }), ttl: 2000 };
  for (const { title, run } of jobPromises(subject, { permits: false })) test(title, run);
});
